"""Lee las reglas de una gramática escrita en JSON y comprueba que estén bien formadas.

Un archivo tiene cuatro partes: ``start`` (nodo inicial), ``styles`` (el estilo oculto),
``nodes`` (las reglas) y ``lexicon`` (las palabras con sus rasgos). Una fila de un nodo es
``[probabilidad, "palabras y <nodos>", "registro=valor", ...]``:

* ``<nodo>`` se sustituye por una de las filas de ese nodo; ``<nodo.$registro>`` elige el nodo
  según el valor de un registro, fijado antes por otra fila.
* Un nodo con ``by`` y ``columns`` da una probabilidad por columna: la columna es el valor del
  registro ``by``, o el estilo si ``by`` es ``style`` (columnas en el orden de ``styles``).
* Ningún nodo puede llegar a nombrarse a sí mismo: cada texto tiene una longitud acotada.
* ``<style>`` marca el lugar donde se sortea el estilo, que ninguna palabra escribe.

La gramática es LL(1): la primera palabra decide la fila. Así, leído un comienzo, se sabe en
qué punto de la gramática se está, y solo el estilo queda oculto.
"""

import json
import re
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from pathlib import Path
from typing import NamedTuple

REGISTER = re.compile(r"\$(\w+)")
ASSIGNMENT = re.compile(r"\w+=\$?[\w-]+")  # registro=valor o registro=$otro
END = ""  # fin del texto: la misma palabra que el relleno, con id 0
STYLE = "style"  # registro del estilo oculto y nombre de su marca


class GrammarError(ValueError):
    """La gramática está mal escrita; el mensaje nombra el nodo y la razón."""


def fault(node: str, reason: str) -> GrammarError:
    """Error que nombra el nodo y la razón."""
    return GrammarError(f"nodo «{node}»: {reason}")


class Word(NamedTuple):
    """Rasgos de una palabra: clases, número, género y traducción (None si no tiene)."""

    classes: list[str]
    number: str | None = None
    gender: str | None = None
    translation: str | None = None


@dataclass(frozen=True, eq=False)
class Symbol:
    """Palabra o referencia a un nodo, con el nodo donde está escrita. Se compara por identidad."""

    text: str
    owner: str
    is_word: bool


symbol_of = cache(Symbol)  # un solo objeto por símbolo: las pilas se comparan deprisa


class Row(NamedTuple):
    """Fila de un nodo: una probabilidad por columna, símbolos y registros que fija."""

    probability: tuple[float, ...]
    symbols: tuple[Symbol, ...]
    sets: tuple[tuple[str, str], ...]

    def assign(self, registers: dict[str, str]) -> tuple[tuple[str, str], ...]:
        """Registros que fija, con las copias ``registro=$otro`` ya leídas."""
        return tuple((r, registers[v[1:]] if v[0] == "$" else v) for r, v in self.sets)


class Node(NamedTuple):
    """Alternativas de un nodo; ``by`` es None si sus probabilidades no dependen de nada."""

    name: str
    by: str | None
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Facts(NamedTuple):
    """Lo que se sabe de una secuencia de símbolos sin expandirla del todo."""

    can_be_empty: bool = True
    first: frozenset[str] = frozenset()  # palabras con que puede empezar
    open: frozenset[str] = frozenset()  # palabras que aún podrían alargarla donde ya puede acabar
    needs: frozenset[str] = frozenset()  # registros que lee antes de fijarlos
    writes: frozenset[str] = frozenset()  # registros que fija siempre
    longest: int = 0  # tokens, como mucho


def then(a: Facts, b: Facts) -> Facts:
    """Hechos de la secuencia ``a b``."""
    return Facts(
        a.can_be_empty and b.can_be_empty,
        a.first | b.first if a.can_be_empty else a.first,
        a.open | b.open if b.can_be_empty else b.open,
        a.needs | (b.needs - a.writes),
        a.writes | b.writes,
        a.longest + b.longest,
    )


def either(a: Facts, b: Facts) -> Facts:
    """Hechos de la alternativa ``a | b``."""
    return Facts(
        a.can_be_empty or b.can_be_empty,
        a.first | b.first,
        a.open | b.open,
        a.needs | b.needs,
        a.writes & b.writes,
        max(a.longest, b.longest),
    )


class Rules:
    """Reglas leídas y comprobadas. Lanza ``GrammarError`` si algo no encaja."""

    def __init__(self, data: dict):
        self.data = data
        self.lexicon = {word: _read_word(word, f) for word, f in data["lexicon"].items()}
        self.styles, self.style_by, self.priors = _read_styles(data.get("styles"))
        self.nodes = {name: _read_node(name, node) for name, node in data["nodes"].items()}
        self.values = _register_values(self.nodes.values())
        if missing := self.values.get(self.style_by, set()) - set(self.priors):
            raise GrammarError(f"estilos: falta una fila para «{min(missing)}»")
        self.start = symbol_of(data["start"], data["start"], False)
        self._facts: dict[str, Facts | None] = {}
        self.longest = self._check_start()  # cota de tokens por texto, sin contar el fin
        self._check_everything_is_used()

    @classmethod
    def read(cls, path: str | Path) -> "Rules":
        """Lee un archivo JSON. Lanza ``GrammarError`` si no es una gramática."""
        name = Path(path).name
        try:
            return cls(json.loads(Path(path).read_text(encoding="utf-8-sig")))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise GrammarError(f"{name} no es JSON válido: {error}") from error
        except KeyError as error:
            raise GrammarError(f"{name}: falta la parte {error}") from error
        except (AttributeError, TypeError) as error:  # una lista donde va un objeto, o al revés
            raise GrammarError(f"{name} no tiene la forma de una gramática: {error}") from error

    def resolve(self, symbol: Symbol, registers: dict[str, str]) -> Node:
        """Nodo al que se refiere un símbolo, según los registros."""
        return self.nodes[fill(symbol.text, registers)]

    def candidates(self, symbol: Symbol) -> list[Node]:
        """Todos los nodos a los que puede referirse un símbolo."""
        registers = REGISTER.findall(symbol.text)
        choices = product(*(sorted(self.values.get(r, ())) for r in registers))
        names = [fill(symbol.text, dict(zip(registers, v, strict=True))) for v in choices]
        for name in names:
            if name not in self.nodes:
                raise fault(symbol.owner, f"nombra el nodo desconocido «{name}»")
        if not names:
            raise fault(symbol.owner, f"ninguna fila fija el registro de «<{symbol.text}>»")
        return [self.nodes[name] for name in names]

    def facts(self, symbol: Symbol) -> Facts:
        """Hechos de un símbolo: palabra, marca de estilo o nodo."""
        if symbol.is_word:
            if symbol.text not in self.lexicon:
                raise fault(symbol.owner, f"la palabra «{symbol.text}» no está en el léxico")
            return Facts(False, frozenset([symbol.text]), longest=1)
        if symbol.text == STYLE:
            return Facts(needs=frozenset([self.style_by]), writes=frozenset([STYLE]))
        found = reduce(either, map(self._node_facts, self.candidates(symbol)))
        return then(Facts(needs=frozenset(REGISTER.findall(symbol.text))), found)

    def sequence_facts(self, symbols: tuple[Symbol, ...]) -> Facts:
        """Hechos de una secuencia; comprueba que la palabra siguiente decida siempre."""
        facts = Facts()
        for symbol in symbols:
            new = self.facts(symbol)
            clash = facts.open & new.first
            if clash or (facts.open and symbol.text == STYLE and not symbol.is_word):
                raise fault(
                    symbol.owner,
                    f"ambigüedad ante «{symbol.text}»: no se sabe si "
                    f"{sorted(clash) or 'el estilo'} continúa lo anterior o lo sigue",
                )
            facts = then(facts, new)
        return facts

    def _node_facts(self, node: Node) -> Facts:
        if node.name not in self._facts:
            self._facts[node.name] = None  # en curso: volver a él sería recursión
            self._facts[node.name] = self._compute(node)
        if (facts := self._facts[node.name]) is None:
            raise fault(node.name, "recursión sin cota: se nombra a sí mismo")
        return facts

    def _compute(self, node: Node) -> Facts:
        if node.by == STYLE and node.columns != self.styles:
            raise fault(node.name, f"sus columnas han de ser {list(self.styles)}")
        if not self.values.get(node.by, set()) <= set(node.columns):
            raise fault(node.name, f"faltan columnas para valores de «{node.by}»")
        rows, first_row = [self._row_facts(row) for row in node.rows], {}
        for i, facts in enumerate(rows, 1):
            for word in facts.first | ({"(vacío)"} if facts.can_be_empty else set()):
                if (j := first_row.setdefault(word, i)) != i:
                    raise fault(node.name, f"ambigüedad: las filas {j} y {i} empiezan por «{word}»")
        every = reduce(either, rows)
        if every.can_be_empty:
            every = every._replace(open=every.open | every.first)
        return then(Facts(needs=frozenset([node.by] if node.by else [])), every)

    def _row_facts(self, row: Row) -> Facts:
        copies = frozenset(value[1:] for _, value in row.sets if value.startswith("$"))
        sets = Facts(needs=copies, writes=frozenset(register for register, _ in row.sets))
        return then(sets, self.sequence_facts(row.symbols))

    def _check_start(self) -> int:
        """Recorre todas las reglas desde el inicio; devuelve los tokens del texto más largo."""
        if self.start.text not in self.nodes:
            raise GrammarError(f"el nodo inicial «{self.start.text}» no existe")
        facts = self.facts(self.start)
        if facts.needs:
            raise fault(self.start.text, f"se leen registros sin fijar: {sorted(facts.needs)}")
        return facts.longest

    def _check_everything_is_used(self):
        for name in self.nodes:
            if name not in self._facts:
                raise fault(name, "ninguna regla llega a él")
        used = {s.text for n in self.nodes.values() for r in n.rows for s in r.symbols if s.is_word}
        if unused := sorted(set(self.lexicon) - used):
            raise GrammarError(f"léxico: ningún nodo usa {unused[:5]}")


def fill(text: str, registers: dict[str, str]) -> str:
    """Nombre de nodo con cada ``$registro`` cambiado por su valor."""
    return REGISTER.sub(lambda match: registers[match[1]], text)


def rows_of(node: dict | list) -> list:
    """Filas de un nodo del JSON, tenga columnas o no."""
    return node["rows"] if isinstance(node, dict) else node


def _read_word(word: str, features: dict) -> Word:
    try:
        return Word(**features)
    except TypeError as error:
        raise GrammarError(f"léxico, «{word}»: sus rasgos no son {Word._fields}") from error


def _read_node(name: str, node: dict | list) -> Node:
    by, columns = (node["by"], node["columns"]) if isinstance(node, dict) else (None, [""])
    rows = tuple(_read_row(name, row, len(columns) if by else None) for row in rows_of(node))
    for i, column in enumerate(columns):
        total = sum(row.probability[i] for row in rows)
        if not abs(total - 1) < 1e-6:  # así tampoco pasa un NaN
            where = f"columna «{column}»: " if column else ""
            raise fault(name, f"{where}las probabilidades suman {total:.6g}, no 1")
    return Node(name, by, tuple(columns), rows)


def _read_row(owner: str, row: list, columns: int | None) -> Row:
    match row:
        case [int() | float() as p, str() as text, *sets] if columns is None:
            probability = (p,)
        case [list() as p, str() as text, *sets] if len(p) == columns:
            probability = tuple(p)
        case _:
            probability = text = sets = ()
    numbers = probability and all(isinstance(p, int | float) for p in probability)
    if not (numbers and all(ASSIGNMENT.fullmatch(str(s)) for s in sets)):
        raise fault(owner, f"la fila {row} no es [probabilidad, texto, registro=valor...]")
    if min(probability) < 0 or max(probability) == 0:
        raise fault(owner, f"la fila «{text}» tiene probabilidad nula o negativa")
    symbols = tuple(
        symbol_of(t[1:-1], owner, False) if t[0] == "<" else symbol_of(t, owner, True)
        for t in text.split()
    )
    return Row(probability, symbols, tuple(tuple(s.split("=", 1)) for s in sets))


def _read_styles(styles: dict | None):
    """Nombres de los estilos, registro del que dependen y p(estilo | valor del registro)."""
    if styles is None:
        return ("",), None, {}
    for value, prior in styles["rows"].items():
        if len(prior) != len(styles["columns"]) or not abs(sum(prior) - 1) < 1e-6:
            raise GrammarError(f"estilos, fila «{value}»: las probabilidades no suman 1")
    return tuple(styles["columns"]), styles["by"], {v: tuple(p) for v, p in styles["rows"].items()}


def _register_values(nodes) -> dict[str, set[str]]:
    """Valores que cada registro puede tomar, contando las copias ``registro=$otro``."""
    sets = {pair for node in nodes for row in node.rows for pair in row.sets}
    values: dict[str, set[str]] = {register: set() for register, _ in sets}
    for _ in sets:  # una cadena de copias no es más larga que el número de asignaciones
        for register, value in sets:
            values[register] |= values.get(value[1:], set()) if value[0] == "$" else {value}
    return values
