"""Gramática probabilística de reseñas de vino, con sus probabilidades exactas.

Las reglas están en ``vinogpt/data/grammar.*.json`` (la forma se explica en ``vinogpt.rules``).
Cada reseña tiene un estilo oculto ``z`` que no se escribe. Dado el estilo, la gramática no es
ambigua: el comienzo leído fija el estado ``s``. Queda un filtro hacia delante con ``K`` números,

    p*(x | comienzo) = Σ_z π(z) p(x | s, z)        π'(z) ∝ π(z) p(x | s, z)

que es el algoritmo hacia delante de un modelo oculto de Márkov (Rabiner 1989,
https://doi.org/10.1109/5.18626) y cuesta O(K) por token. Los estados se crean al visitarlos.
"""

import copy
import math
import random
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vinogpt import limits
from vinogpt.rules import END, REGISTER, STYLE, GrammarError, Rules, Symbol, rows_of, symbol_of

__all__ = ["END", "Grammar", "GrammarError", "Violation", "load"]


class Move(NamedTuple):
    """Un paso posible: la palabra, su probabilidad (o una por estilo) y cómo sigue."""

    word: str
    probability: float | tuple[float, ...]
    pending: tuple[Symbol, ...]  # lo que queda por decir del tramo expandido
    sets: tuple[tuple[str, str], ...]  # registros que fija
    reads: frozenset[str]  # registros, fijados antes, de los que depende qué palabra cabe
    node: str


class Menu(NamedTuple):
    """Pasos posibles desde un tramo de la pila; lo comparten muchos estados."""

    moves: dict[str, Move]
    words: list[str]
    cumulative: list[list[float]]  # por estilo, probabilidades acumuladas de ``words``
    length: int  # símbolos de la pila que el tramo ocupa


class Violation(NamedTuple):
    """Primera regla que un texto incumple: dónde, qué nodo, qué había y qué cabía."""

    position: int
    node: str
    found: str
    expected: list[str]
    message: str


class State:
    """Punto de la gramática: símbolos pendientes y registros aún necesarios."""

    __slots__ = ("menu", "next", "prior", "registers", "stack")

    def __init__(self, stack, registers, prior, menu):
        self.stack, self.registers, self.menu, self.next = stack, registers, menu, {}
        self.prior = prior  # p(z) si el estilo se sortea justo al llegar aquí


class Grammar:
    """Muestrea, puntúa y valida textos con las probabilidades exactas de unas reglas."""

    def __init__(self, rules: Rules):
        self.rules = rules
        self.lexicon = rules.lexicon
        self.vocabulary: list[str] = list(rules.lexicon)
        self._states: dict[tuple, State] = {}
        self._menus: dict[tuple, Menu] = {}
        self._needs: dict[tuple, frozenset] = {}
        self._ones = (1.0,) * len(rules.styles)
        self._no_belief = (1.0,) + (0.0,) * (len(rules.styles) - 1)  # aún no hay estilo
        self.start = self._state((rules.start,), {})

    def sample(self, n: int, seed: int) -> list[list[str]]:
        """n textos; el texto i depende solo de (seed, i)."""
        return [self._sample_one(random.Random(f"{seed}:{i}")) for i in range(n)]

    def log_probs(self, tokens: list[str]) -> list[float]:
        """log p*(x_t | x_<t) en nats, uno por token y uno más para el fin: len(tokens) + 1.

        Desde el primer token imposible, todos valen -inf. Tras un fin solo cabe relleno, con 0.
        """
        logs = [math.log(p) if p else -math.inf for _, _, _, p in self.walk([*tokens, END])]
        return logs + [-math.inf] * (len(tokens) + 1 - len(logs))

    def log_prob(self, tokens: list[str]) -> float:
        """log p* del texto completo, fin incluido, en nats; -inf si es imposible."""
        return sum(self.log_probs(tokens))

    def next_distribution(self, prefix: list[str]) -> dict[str, float]:
        """p*(· | prefix), con END entre las palabras; vacío si el comienzo es imposible."""
        *done, (state, belief, _, _) = self.walk([*prefix, None])
        return predictive(state, belief) if len(done) == len(prefix) else {}

    def validate(self, tokens: list[str]) -> Violation | None:
        """None si el texto es posible; si no, la primera regla que incumple."""
        tokens = [*tokens, END]
        for position, (state, belief, move, _) in enumerate(self.walk(tokens)):
            if move is None:
                return self._violation(position, tokens[position], state, belief)
        return None

    def nodes_of(self, tokens: list[str]) -> list[str]:
        """Nodo que escribe cada token, y el del fin: len(tokens) + 1. ValueError si no cabe."""
        if violation := self.validate(tokens):
            raise ValueError(violation.message)
        return [move.node for _, _, move, _ in self.walk([*tokens, END])]

    def entropy_rate(self, n: int, seed: int, method: str = "surprisal") -> limits.EntropyRate:
        """H*, en nats por token (el fin cuenta), con intervalo del 95 % y reparto por nodo."""
        return limits.entropy_rate(self, n, seed, method)

    def window_limit(self, k: int, n: int, seed: int) -> limits.WindowLimit:
        """H_k: la menor entropía cruzada de quien solo ve los últimos k tokens."""
        return limits.window_limit(self, k, n, seed)

    def redraw(self, seed: int, permute: bool = False) -> "Grammar":
        """Mismas reglas con probabilidades nuevas (Dirichlet); ``permute`` baraja las palabras."""
        rng = np.random.default_rng(seed)
        data = copy.deepcopy(self.rules.data)
        for rows in map(rows_of, data["nodes"].values()):
            columns = np.array([row[0] for row in rows], float).reshape(len(rows), -1)
            for row, new in zip(rows, _dirichlet(columns.T, rng).T.tolist(), strict=True):
                row[0] = new if isinstance(row[0], list) else new[0]
        for value, prior in data.get("styles", {}).get("rows", {}).items():
            data["styles"]["rows"][value] = _dirichlet(np.array([prior]), rng)[0].tolist()
        return Grammar(Rules(_permuted(data, rng) if permute else data))

    def walk(self, tokens):
        """Recorre ``tokens`` con el filtro: por cada uno, (estado, creencia, paso, p*).

        Se detiene tras el primer token imposible, con paso None y p* = 0.
        """
        state, belief = self.start, self._no_belief
        for token in tokens:
            move = state.menu.moves.get(token)
            p = move.probability if move else 0.0
            new = belief
            if p.__class__ is tuple:  # depende del estilo: toca actualizar la creencia
                joint = [b * q for b, q in zip(belief, p, strict=True)]
                p = sum(joint)
                new = [w / p for w in joint] if p else belief
            if not p:
                yield state, belief, None, 0.0
                return
            yield state, belief, move, p
            state = state.next.get(token) or self.follow(state, move)
            belief = state.prior or new

    def follow(self, state: State, move: Move) -> State:
        """Estado al que lleva un paso; se guarda para la próxima vez."""
        stack = move.pending + state.stack[state.menu.length :]
        following = self._state(stack, {**state.registers, **dict(move.sets)})
        state.next[move.word] = following
        return following

    def _sample_one(self, rng: random.Random) -> list[str]:
        state, words, z = self.start, [], 0
        while True:
            if state.prior:
                z = rng.choices(range(len(state.prior)), state.prior)[0]
            menu = state.menu
            word = menu.words[bisect_right(menu.cumulative[z], rng.random())]
            if not word:
                return words
            words.append(word)
            state = state.next.get(word) or self.follow(state, menu.moves[word])

    def _state(self, stack: tuple[Symbol, ...], registers: dict[str, str]) -> State:
        prior = None
        if stack and stack[0].text == STYLE and not stack[0].is_word:
            prior, stack = self.rules.priors[registers[self.rules.style_by]], stack[1:]
        kept = self._only_needed(stack, registers)
        key = stack, tuple(kept.items()), prior
        if key not in self._states:
            self._states[key] = State(stack, kept, prior, self._menu(stack, kept))
        return self._states[key]

    def _only_needed(self, stack, registers):
        if stack not in self._needs:
            self._needs[stack] = sorted(self.rules.sequence_facts(stack).needs)
        return {r: registers[r] for r in self._needs[stack] if r in registers}

    def _menu(self, stack, registers) -> Menu:
        """Menú del tramo inicial de la pila: hasta el primer símbolo que no puede ser vacío."""
        length = 0
        while length < len(stack):
            length += 1
            if not self.rules.facts(stack[length - 1]).can_be_empty:
                break
        top = stack[:length]
        kept = self._only_needed(top, registers)
        key = top, tuple(kept.items())
        if key not in self._menus:
            self._menus[key] = self._new_menu(top, kept)
        return self._menus[key]

    def _new_menu(self, top, registers) -> Menu:
        found = list(self._expand(top, registers, (), frozenset(), self.rules.start.text))
        columns = zip(*(move.probability for move in found), strict=True)
        moves = {move.word: move._replace(probability=_scalar(move.probability)) for move in found}
        return Menu(moves, list(moves), [_cumulative(column) for column in columns], len(top))

    def _expand(self, stack, registers, sets, reads, owner):
        """Pasos posibles desde una pila: expande el primer símbolo hasta dar con palabras."""
        top = stack[0] if stack else symbol_of(END, owner, True)
        if top.is_word:
            yield Move(top.text, self._ones, stack[1:], sets, reads, top.owner)
            return
        node = self.rules.resolve(top, registers)
        reads = reads | {*REGISTER.findall(top.text), node.by} & registers.keys() - dict(sets)
        i = node.columns.index(registers[node.by]) if node.by in registers else 0
        for row in node.rows:
            p = row.probability if node.by == STYLE else (row.probability[i],) * len(self._ones)
            if any(p):
                new = row.assign(registers)
                after = {**registers, **dict(new)}
                for move in self._expand(row.symbols + stack[1:], after, sets + new, reads, owner):
                    yield move._replace(probability=tuple(map(mul, p, move.probability)))

    def _violation(self, position, found, state, belief) -> Violation:
        expected = {word: p for word, p in predictive(state, belief).items() if p}
        likely = sorted(expected, key=expected.get, reverse=True)
        node = state.menu.moves[likely[0]].node
        shown = ", ".join(f"«{word or 'fin'}»" for word in likely[:5])
        message = (
            f"posición {position}: «{found or 'fin del texto'}» incumple el nodo «{node}», "
            f"que espera {shown}" + ("..." if len(likely) > 5 else "")
        )
        return Violation(position, node, found, likely, message)


def load(name_or_path: str = "en") -> Grammar:
    """Gramática "en", "es", "elephant" o la de un archivo; cada archivo se lee una sola vez.

    Lanza ``GrammarError`` si no existe o está mal escrita.
    """
    bundled = Path(__file__).parent / "data" / f"grammar.{name_or_path}.json"
    path = bundled if bundled.exists() else Path(name_or_path)
    if not path.is_file():
        raise GrammarError(
            f"no existe la gramática «{name_or_path}»: usa «en», «es», «elephant» "
            "o la ruta de un archivo .json"
        )
    return _read(path)


@cache
def _read(path: Path) -> Grammar:
    return Grammar(Rules.read(path))


def predictive(state: State, belief) -> dict[str, float]:
    """p*(· | estado, creencia) sobre las palabras del menú."""
    return {
        word: sum(map(mul, belief, p)) if (p := m.probability).__class__ is tuple else p
        for word, m in state.menu.moves.items()
    }


def _scalar(p: tuple[float, ...]) -> float | tuple[float, ...]:
    """Un solo número si todos los estilos dan la misma probabilidad: el filtro no cambia."""
    return p[0] if len(set(p)) == 1 else p


def _cumulative(probabilities: tuple[float, ...]) -> list[float]:
    """Sumas acumuladas que acaban en 1 exacto; sin masa (estilo imposible aquí), uniformes."""
    sums = list(accumulate(probabilities))
    return [s / sums[-1] for s in sums] if sums[-1] else [1.0] * len(sums)


def _dirichlet(columns: np.ndarray, rng) -> np.ndarray:
    """Probabilidades nuevas con igual soporte: Dirichlet(1 + n p). columns: (columnas, filas)."""
    new = np.zeros_like(columns)
    for old, row in zip(columns, new, strict=True):
        support = old > 0
        row[support] = rng.dirichlet(1 + support.sum() * old[support])
    return new


def _permuted(data: dict, rng) -> dict:
    """Baraja las palabras en reglas y léxico: cada regla dice otra palabra, siempre la misma."""
    words = list(data["lexicon"])
    name = dict(zip(words, rng.permutation(words).tolist(), strict=True))
    data["lexicon"] = {name[word]: features for word, features in data["lexicon"].items()}
    for node in data["nodes"].values():
        for row in rows_of(node):
            row[1] = " ".join(name.get(token, token) for token in row[1].split())
    return data
