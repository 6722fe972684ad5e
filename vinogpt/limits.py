"""Límites exactos de una gramática, en nats por token real (el fin de texto cuenta).

``entropy_rate`` estima H*, la menor pérdida posible, por dos caminos independientes:

* ``"surprisal"``: media de -log p*(reseña) sobre reseñas nuevas.
* ``"posterior"``: H(X) = H(X, Z) - H(Z | X). La entropía conjunta sale exacta de las reglas, sin
  muestrear ni pasar por el filtro; solo H(Z | X), muy pequeña, se promedia sobre reseñas.

``window_limit`` da H_k, lo mejor que puede hacer quien ve los últimos k tokens y nada más.
"""

import math
from collections import Counter, defaultdict
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from vinogpt.rules import END, STYLE

Z95 = 1.959964  # cuantil de la normal para un intervalo del 95 %


class EntropyRate(NamedTuple):
    """H* con su intervalo del 95 % y lo que aporta cada nodo (las partes suman ``nats``)."""

    nats: float
    low: float
    high: float
    by_node: dict[str, float]
    tokens_per_review: float  # media exacta, fin incluido


class WindowLimit(NamedTuple):
    """H_k con su intervalo del 95 %."""

    nats: float
    low: float
    high: float


def entropy_rate(grammar, n: int, seed: int, method: str = "surprisal") -> EntropyRate:
    """H* con n ≥ 2 reseñas; ``method`` es "surprisal" o "posterior" (otro: ValueError)."""
    if method not in ("surprisal", "posterior"):
        raise ValueError(f"no existe el método «{method}»: usa «surprisal» o «posterior»")
    reviews = grammar.sample(n, seed)
    surprisals, by_node, beliefs = [], Counter(), []
    for tokens in reviews:
        *steps, (_, belief, _, _) = grammar.walk([*tokens, END, END])
        logs = [-math.log(p) for _, _, _, p in steps]
        by_node.update(_totals(steps, logs))
        surprisals.append(sum(logs))
        beliefs.append(belief)  # la de tras el fin, que también puede delatar el estilo
    joint, length = joint_entropy(grammar.rules)
    lengths = [len(tokens) + 1 for tokens in reviews]
    if method == "surprisal":
        nats, error = ratio(surprisals, lengths)
    else:
        hidden = [-sum(b * math.log(b) for b in belief if b) for belief in beliefs]
        nats = (joint - np.mean(hidden)) / length
        error = np.std(hidden, ddof=1) / math.sqrt(n) / length
    scale = float(nats) / sum(surprisals)
    shares = {node: total * scale for node, total in by_node.most_common()}
    return EntropyRate(*_interval(nats, error), shares, length)


def joint_entropy(rules) -> tuple[float, float]:
    """(H(X, Z), E[tokens]) exactos de una reseña, fin incluido: recursión sobre las reglas."""
    nats, tokens, _ = Derivations(rules).of_symbol(rules.start, (), frozenset())
    return nats, tokens + 1


class Derivations:
    """Entropía y longitud esperadas de lo que escribe cada parte de las reglas.

    Conocido el estilo, cada reseña tiene una sola derivación: su entropía es la suma de las de
    las filas que se eligen. El estilo se trata como un registro más. Los registros que nadie
    leerá se olvidan: así hay pocos casos distintos.
    """

    def __init__(self, rules):
        self.rules = rules
        self.of_symbol, self.of_sequence = cache(self._of_symbol), cache(self._of_sequence)
        self.needs = cache(lambda symbols: rules.sequence_facts(symbols).needs)

    def _of_symbol(self, symbol, registers, live):
        """(nats, tokens, ((registros al salir, probabilidad), ...)) de un símbolo.

        registers: parejas (registro, valor) al entrar; live: los que se leerán después.
        """
        if symbol.is_word:
            return 0.0, 1.0, ((_only(registers, live), 1.0),)
        rows = self._choices(symbol, dict(registers))
        return _mix(
            (p, *self.of_sequence(symbols, _set(registers, sets), live))
            for p, symbols, sets in rows
        )

    def _of_sequence(self, symbols, registers, live):
        """Lo mismo de una secuencia de símbolos."""
        if not symbols:
            return 0.0, 0.0, ((_only(registers, live), 1.0),)
        head, rest = symbols[0], symbols[1:]
        later = live | self.needs(rest)
        nats, tokens, ways = self.of_symbol(head, _only(registers, self.needs((head,))), later)
        ends = defaultdict(float)
        for out, p in ways:
            after = _set(_only(registers, later), out)
            h, t, outs = self.of_sequence(rest, after, live)
            nats, tokens = nats + p * h, tokens + p * t
            for end, q in outs:
                ends[end] += p * q
        return nats, tokens, tuple(ends.items())

    def _choices(self, symbol, known):
        """Lo que un símbolo puede elegir: (probabilidad, símbolos, registros que fija)."""
        if symbol.text == STYLE:
            prior = self.rules.priors[known[self.rules.style_by]]
            options = [
                (p, (), ((STYLE, z),)) for z, p in zip(self.rules.styles, prior, strict=True)
            ]
        else:
            node = self.rules.resolve(symbol, known)
            column = node.columns.index(known[node.by]) if node.by else 0
            options = [(r.probability[column], r.symbols, r.assign(known)) for r in node.rows]
        return [option for option in options if option[0]]


def _only(registers, names):
    return tuple(pair for pair in registers if pair[0] in names)


def _set(registers, sets):
    return tuple(sorted({**dict(registers), **dict(sets)}.items()))


def _mix(rows):
    """Mezcla de filas (p, nats, tokens, salidas): suma la entropía de elegir la fila."""
    rows = list(rows)
    nats = sum(p * (h - math.log(p)) for p, h, _, _ in rows)
    tokens = sum(p * t for p, _, t, _ in rows)
    outs = defaultdict(float)
    for p, _, _, ways in rows:
        for registers, weight in ways:
            outs[registers] += p * weight
    return nats, tokens, tuple(outs.items())


def window_limit(grammar, k: int, n: int, seed: int) -> WindowLimit:
    """H_k con n ≥ 2 reseñas: entropía cruzada del mejor predictor que ve k ≥ 0 tokens.

    El predictor ve los últimos k tokens, o la reseña desde su inicio si lleva menos de k; no
    sabe en qué posición está. Su distribución es exacta (``StateGraph.predict``); solo la media
    sobre textos es de Monte Carlo. H_0 es la entropía del unigrama.
    """
    graph = state_graph(grammar)
    losses, lengths = [], []
    for tokens in grammar.sample(n, seed):
        logs = grammar.log_probs(tokens)[:k]  # hasta aquí se ve el inicio: es p* misma
        for t, word in enumerate([*tokens, END][k:]):
            logs.append(math.log(graph.predict(tuple(tokens[t : t + k]))[word]))
        losses.append(-sum(logs))
        lengths.append(len(tokens) + 1)
    return WindowLimit(*_interval(*ratio(losses, lengths)))


class StateGraph:
    """Estados alcanzables, con la ocupación esperada por reseña de cada (estado, estilo).

    Una ventana puede empezar en cualquier posición: el filtro arranca con esa ocupación, k
    tokens atrás, y se queda con los caminos que escriben la ventana.
    """

    def __init__(self, grammar):
        order = _topological_order(grammar)
        ids = {state: i for i, state in enumerate(order)}
        K = len(grammar.rules.styles)
        self.priors = {i: np.array(s.prior) for i, s in enumerate(order) if s.prior}
        self.visits = np.zeros((len(order), K))
        self.visits[0, 0] = 1.0  # sin estilo aún: toda la masa en la primera columna
        edges = defaultdict(list)  # palabra -> [(origen, destino, p por estilo), ...]
        for i, state in enumerate(order):  # los predecesores de i ya repartieron su masa
            self.visits[i] = self._with_style(i, self.visits[i])
            for word, following in _successors(grammar, state):
                j, p = ids[following], np.broadcast_to(state.menu.moves[word].probability, K)
                self.visits[j] += self.visits[i] * p
                edges[word].append((i, j, p))
        self.edges = {w: [np.array(c) for c in zip(*e, strict=True)] for w, e in edges.items()}
        menus = {id(state.menu): state.menu for state in order}
        number = {key: m for m, key in enumerate(menus)}
        self.menus = list(menus.values())
        self.menu_of = np.array([number[id(s.menu)] for s in order])
        self.belief = lru_cache(maxsize=5_000)(self._belief)
        self.predict = lru_cache(maxsize=50_000)(self._predict)

    def _with_style(self, i: int, mass: np.ndarray) -> np.ndarray:
        """Reparte la masa entre los estilos si se sortean al llegar al estado i."""
        return mass.sum() * self.priors[i] if i in self.priors else mass

    def _belief(self, window: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Estados posibles tras la ventana, (N,), y su masa por estilo, (N, K)."""
        if not window:
            return np.arange(len(self.visits)), self.visits
        states, mass = self.belief(window[:-1])
        source, target, p = self.edges.get(window[-1], (states[:0],) * 3)
        if not len(source):
            return source, self.visits[:0]
        row = np.minimum(np.searchsorted(source, states), len(source) - 1)
        fits = source[row] == states
        target, mass = target[row[fits]], mass[fits] * p[row[fits]]
        for i in np.flatnonzero(np.isin(target, list(self.priors))):
            mass[i] = self._with_style(target[i], mass[i])
        return target, mass

    def _predict(self, window: tuple[str, ...]) -> dict[str, float]:
        """p(palabra siguiente | los últimos tokens son ``window``); vacío si no puede darse."""
        states, mass = self.belief(window)
        by_menu = np.zeros((len(self.menus), self.visits.shape[1]))
        np.add.at(by_menu, self.menu_of[states], mass)
        weights = Counter()
        for m in np.flatnonzero(by_menu.sum(axis=1)):
            for word, move in self.menus[m].moves.items():
                weights[word] += float(np.sum(by_menu[m] * move.probability))
        total = float(mass.sum())
        return {word: weight / total for word, weight in weights.items()}


state_graph = lru_cache(maxsize=2)(StateGraph)  # recorrer los estados cuesta: una sola vez


def _successors(grammar, state):
    """(palabra, estado siguiente) de cada paso posible, salvo el fin."""
    for word, move in state.menu.moves.items():
        if word != END:
            yield word, state.next.get(word) or grammar.follow(state, move)


def _topological_order(grammar) -> list:
    """Estados alcanzables, cada uno antes que sus sucesores (recorrido en profundidad)."""
    start = grammar.start
    order, seen, pending = [], {start}, [(start, _successors(grammar, start))]
    while pending:
        state, remaining = pending[-1]
        _, following = next(remaining, (None, None))
        if following is None:
            order.append(state)
            pending.pop()
        elif following not in seen:
            seen.add(following)
            pending.append((following, _successors(grammar, following)))
    return order[::-1]


def _totals(steps, logs) -> Counter:
    """Nats por nodo de una reseña."""
    totals = Counter()
    for (_, _, move, _), nats in zip(steps, logs, strict=True):
        totals[move.node] += nats
    return totals


def ratio(totals, lengths) -> tuple[float, float]:
    """Cociente de sumas y su error típico (método delta)."""
    totals, lengths = np.array(totals), np.array(lengths)
    nats = totals.sum() / lengths.sum()
    residuals = totals - nats * lengths
    return nats, residuals.std(ddof=1) / math.sqrt(len(totals)) / lengths.mean()


def _interval(nats, error) -> tuple[float, float, float]:
    return float(nats), float(nats - Z95 * error), float(nats + Z95 * error)
