"""Escribe book/cifras.md con lo que han medido los programas de benchmarks/.

    python scripts/write_figures.py

Cada fila dice el objetivo, lo medido y si se cumple; la cifra sale de un archivo de
benchmarks/results, y donde falta el archivo pone «no medido».
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "book" / "cifras.md"
HEADER = "| Qué se mide | Objetivo | Medido | ¿Se cumple? | Programa |\n|---|---|---|---|---|\n"
INTRO = """# Cifras

Lo que este curso afirma de sí mismo, medido. Cada fila sale de un programa de `benchmarks/`, que \
cualquiera puede repetir; esta página la escribe `scripts/write_figures.py` con sus resultados. \
Un objetivo que no se alcanza se queda en la tabla.

## La calificación

Se mide con la tarea 1, que solo usa NumPy, y con una tarea de prueba que entrena un modelo de \
Keras. «nbgrader» es nbgrader 0.9.6 sin configurar. Las comparaciones de tiempo se hacen por \
turnos, en el mismo equipo de dos núcleos; el intervalo es del 95 %.

"""
OUTRO = """
Entregas hostiles son las que intentan obtener puntos, dañar a otros o escapar. Entregas \
maltratadas son honestas y correctas, pero llegan con metadatos perdidos, celdas repetidas o el \
archivo cambiado de nombre. Un texto con guion intenta ejecutarse en el navegador de quien lee.
"""


def load(name):
    """Resultados de benchmarks/results/NAME.json; None si no se han medido."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def row(what, goal, measured, met, program):
    """Una fila de la tabla; `met` None significa que no se ha medido."""
    verdict = {None: "no medido", True: "sí", False: "**no**"}[met]
    return f"| {what} | {goal} | {measured} | {verdict} | `{program}.py` |\n"


def hostile(result):
    ours, stock = result["vinogpt"]["total"], result["nbgrader"]["total"]
    bad = ours["gain_points"] + ours["stop_the_run"] + ours["leave_a_trace"]
    told = (
        f"{ours['kinds']} clases: {ours['gain_points']} ganan puntos, {ours['stop_the_run']} "
        f"detienen la calificación, {ours['leave_a_trace']} dejan rastro. En nbgrader, de "
        f"{stock['kinds']}: {stock['gain_points']}, {stock['stop_the_run']} y "
        f"{stock['leave_a_trace']}"
    )
    return told, ours["kinds"] >= 80 and bad == 0 and not result["damage"]


def damaged(result):
    counts = [half["counts"] for half in result["ours"].values()]
    equal, stock = min(c.get("equal", 0) for c in counts), result["nbgrader_stock"]["counts"]
    told = (
        f"{equal} de {result['variants']} con la nota exacta; en nbgrader, {stock.get('equal', 0)}"
    )
    return told, result["variants"] >= 50 and equal == result["variants"]


def whole_class(result):
    twice, different = result["checks"]["executed_twice"], result["alone"]["different"]
    told = (
        f"{result['with_a_result']} resultados de {result['submissions']}; interrumpida y "
        f"reanudada, con un proceso muerto: {twice} comprobaciones repetidas; "
        f"{different} de {result['alone']['compared']} distintas al calificarlas solas"
    )
    lost = result["submissions"] - result["with_a_result"]
    return told, result["submissions"] >= 1000 and lost == twice == different == 0


def repeat(result):
    rows = result["submissions"].values()
    times = min(count for row in rows for count in row["repeats"].values())
    different = sum(row["different_results"] - 1 for row in rows)
    told = f"{len(rows)} entregas, {times} veces con cada carga: {different} resultados distintos"
    return told, times >= 100 and different == 0


def speed(kind, goal):
    def told(result):
        ratio = result[kind]["faster_than_nbgrader"]["2 workers"]
        text = f"{ratio['median']:g} veces [{ratio['low']:g}, {ratio['high']:g}]"
        return text, ratio["low"] >= goal

    return told


def efficiency(result):
    value = result["two_workers"]["efficiency"]
    return f"{100 * value:.0f} %", value >= 0.85


def dask(result):
    run = result["dask"]
    same = "las mismas notas" if run["same_marks"] else "notas distintas"
    return f"{run['submissions']} entregas, {same}", run["same_marks"]


def latency(kind, goal):
    def told(result):
        run = result[kind]["one_submission_seconds"]
        return f"{run['p95']:g} s (mediana, {run['median']:g} s)", run["p95"] <= goal

    return told


def injection(result):
    ours = result["vinogpt"]
    stock = {place: counts["executed"] for place, counts in result["nbgrader"].items()}
    told = (
        f"{result['payloads']} textos: {ours['feedback']['executed']} en la devolución y "
        f"{ours['formgrader']['executed']} en formgrader; en nbgrader, {stock['feedback']} y "
        f"{stock['formgrader']}"
    )
    executed = ours["feedback"]["executed"] + ours["formgrader"]["executed"]
    return told, result["payloads"] >= 30 and executed == 0


GRADING = [
    ("Entregas hostiles", "80 clases o más y ninguna consigue nada", "grading_hostile", hostile),
    ("Entregas maltratadas", "50 o más, todas con su nota", "grading_damaged", damaged),
    ("Una clase de 1,000", "nada se pierde ni se repite", "grading_class", whole_class),
    ("Repetir con el equipo cargado", "100 veces, misma nota", "grading_repeat", repeat),
    ("Velocidad sin TensorFlow", "10 veces nbgrader", "grading_speed", speed("numpy", 10)),
    ("Velocidad con TensorFlow", "3 veces nbgrader", "grading_speed", speed("keras", 3)),
    ("Dos procesos", "85 % del doble", "grading_speed", efficiency),
    ("Dask por TCP", "las mismas notas", "grading_speed", dask),
    ("Una entrega sin TensorFlow, p95", "3 s", "grading_speed", latency("numpy", 3)),
    ("Una entrega con TensorFlow, p95", "15 s", "grading_speed", latency("keras", 15)),
    ("Textos con guion", "30 o más y ninguno se ejecuta", "grading_injection", injection),
]


def page():
    """El texto de la página."""
    rows = []
    for what, goal, name, tell in GRADING:
        result = load(name)
        measured, met = tell(result) if result else ("", None)
        rows.append(row(what, goal, measured, met, name))
    return INTRO + HEADER + "".join(rows) + OUTRO


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: escrito")
