"""Escribe book/cifras.md con lo que han medido los programas de benchmarks/.

    python scripts/write_figures.py

El texto está en scripts/cifras.md. Cada fila dice el objetivo, lo medido y si se cumple; la cifra
sale de un archivo de benchmarks/results, y donde falta el archivo pone «no medido».
"""

import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TEMPLATE = ROOT / "scripts" / "cifras.md"
PAGE = ROOT / "book" / "cifras.md"
HEADER = "| Qué se mide | Objetivo | Medido | ¿Se cumple? | Programa |\n|---|---|---|---|---|\n"
RECIPES = {
    "reference": "de origen", "course": "`course`, la de la gramática", "reviews": "`reviews`",
    "reviews_tenth": "`reviews`, la décima parte del tiempo",
}  # fmt: skip
REVIEWS_HEADER = (
    "| Receta | Millones de parámetros | Épocas | Pérdida en reseñas leídas | Pérdida en nuevas "
    "| Perplejidad |\n|---|---|---|---|---|---|\n"
)
EXERCISES_HEADER = (
    "| Ejercicio | Correctas aceptadas | Erróneas rechazadas | Mutantes rechazados "
    "| Erróneas y mutantes que pasan unos ejemplos fijos |\n|---|---|---|---|---|\n"
)


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


def damaged_all(result):
    rows = result["assignments"].values()
    equal = sum(row["counts"].get("equal", 0) for row in rows)
    total = result["variants"] * len(rows)
    return f"{equal} de {total} con la nota exacta, en {len(rows)} tareas", equal == total


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


def told(ratio, met):
    """Lo medido y si se cumple, o por qué no se ha medido."""
    if "missing" in ratio:
        return ratio["missing"], None
    return f"{ratio['median']:g} [{ratio['low']:g}, {ratio['high']:g}]", met(ratio)


def at_most(goal, *path):
    """La razón que está en ``path`` no pasa del objetivo."""
    return lambda result: told(find(result, path), lambda ratio: ratio["high"] <= goal)


def at_least(goal, *path):
    """La razón que está en ``path`` no baja del objetivo."""
    return lambda result: told(find(result, path), lambda ratio: ratio["low"] >= goal)


def within(share, *path):
    """La razón que está en ``path`` no se aparta de 1 más que el objetivo."""

    def met(ratio):
        return 1 - share <= ratio["low"] and ratio["high"] <= 1 + share

    return lambda result: told(find(result, path), met)


def find(result, path):
    """``result[path[0]][path[1]]…``; si antes falta una medida, eso es lo que hay."""
    for key in path:
        result = result if "missing" in result else result[key]
    return result


GRADING = [
    ("Entregas hostiles", "80 clases o más y ninguna consigue nada", "grading_hostile", hostile),
    ("Entregas maltratadas", "50 o más, todas con su nota", "grading_damaged", damaged),
    ("Las mismas, en todas las tareas", "todas con su nota", "grading_damaged_all", damaged_all),
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


def difference(result):
    value = result["largest_difference"]
    return f"{value:g}", value <= 1e-4


def compressed(result):
    """gzip y los demás se cuentan al lado: son la escala."""
    bits, limit = result["bits_per_token"], result["limit_on_these_reviews"]
    rest = ", ".join(f"{name} {value:.2f}" for name, value in bits.items() if name != "gpt")
    text = f"{bits['gpt'] / limit:.3f}: {bits['gpt']:.3f} bits; límite, {limit:.3f}; {rest}"
    return text, bits["gpt"] <= 1.02 * limit


MODEL = [
    ("Brecha del GPT en 60 s / la del mejor n-grama", "0.05 o menos", "model_gap",
     at_most(0.05, "ratios", "course_60_over_counts")),
    ("Brecha en 20 s / la de la receta de origen en 20 s", "0.12 o menos", "model_gap",
     at_most(0.12, "ratios", "course_20_over_reference_20")),
    ("Exceso en lo decidido 40 tokens antes / el de una LSTM, 60 s los dos", "0.02 o menos",
     "model_gap", at_most(0.02, "ratios", "far_course_60_over_lstm_60")),
    ("Lo mismo, con los modelos que trae el paquete", "0.02 o menos", "model_gap",
     at_most(0.02, "ratios", "far_shipped")),
    ("Reseñas imposibles / las de la receta de origen, 20 s", "0.1 o menos", "model_gap",
     at_most(0.1, "ratios", "invalid_course_20_over_reference_20")),
    ("KL exacta / brecha emparejada", "entre 0.95 y 1.05", "model_gap",
     within(0.05, "ratios", "exact_over_paired")),
    ("Tokens/s al entrenar / los de `fit` con relleno", "2 o más", "train_speed",
     at_least(2, "faster_than_fit", "counting_everything")),
    ("Tokens/s al entrenar / los de GPT-2 en PyTorch", "1 o más", "train_speed",
     at_least(1, "faster_than_torch", "counting_everything")),
    ("Tokens/s al generar / los del bucle con `predict`, un texto", "60 o más",
     "generation_speed", at_least(60, "over_predict", "1")),
    ("Lo mismo, 32 textos a la vez", "600 o más", "generation_speed",
     at_least(600, "over_predict", "32")),
    ("Tokens/s al generar / los de KerasHub, un texto", "1.5 o más", "generation_speed",
     at_least(1.5, "over_keras_hub", "1")),
    ("Lo mismo, 32 textos a la vez", "1.5 o más", "generation_speed",
     at_least(1.5, "over_keras_hub", "32")),
    ("Diferencia máxima en log q con caché y sin ella", "0.0001 o menos", "generation_speed",
     difference),
    ("Brecha que predice una ley / la medida con 8 veces más cálculo", "entre 0.9 y 1.1",
     "scaling_law", within(0.1, "predicted_over_measured")),
    ("Bits por token del GPT / el límite, en reseñas comprimidas", "1.02 o menos", "compression",
     compressed),
    ("Tiempo en llegar, en reseñas reales, a la pérdida de la receta de origen / el suyo",
     "0.1 o menos", "real_reviews", at_most(0.1, "time_to_reference")),
    ("Pérdida en reseñas reales con el mismo tiempo, menos la de origen", "−0.2 o menos",
     "real_reviews", at_most(-0.2, "over_reference", "reviews")),
]  # fmt: skip


def table(goals):
    """Las filas de una tabla."""
    rows = []
    for what, goal, name, tell in goals:
        result = load(name)
        measured, met = tell(result) if result else ("", None)
        rows.append(row(what, goal, measured, met, name))
    return HEADER + "".join(rows)


def exercises(result):
    """Las comprobaciones de cada ejercicio, por una fila."""
    rows = {name.removeprefix("Ejercicio "): row for name, row in result["exercises"].items()}
    rows["**Todos**"] = {
        key: sum(row.get(key, 0) for row in result["exercises"].values())
        for key in {key for row in result["exercises"].values() for key in row}
    }
    lines = []
    for name, row in rows.items():
        right, wrong, mutants = (row.get(kind, 0) for kind in ("right", "wrong", "mutant"))
        kept = right - row["right_rejected"]
        passing = sum(
            row[kind] - row[f"{kind}_rejected_by_examples"] for kind in ("wrong", "mutant")
        )
        lines.append(
            f"| {name} | {kept} de {right} | {row['wrong_rejected']} de {wrong} "
            f"| {row['mutant_rejected']} de {mutants} | {passing} de {wrong + mutants} |\n"
        )
    return {"seeds": result["seeds"], "exercises": EXERCISES_HEADER + "".join(lines)}


def rates(result):
    """Las brechas de cada red con cada tasa, y la mejor, en negrita."""
    counts, names = result["counts"], {"course": "GPT", "lstm": "LSTM", "gru": "GRU"}
    columns = list(result["best"]["course"]["by_rate"])
    lines = [f"| Tasa | {' | '.join(columns)} |\n", f"|---{'|---' * len(columns)}|\n"]
    for kind, found in result["best"].items():
        gaps = [f"{gap:.3f}" for gap in found["by_rate"].values()]
        best = columns.index(str(found["best_rate"]))
        gaps[best] = f"**{gaps[best]}**"
        lines.append(f"| {names.get(kind, 'red simple')} | {' | '.join(gaps)} |\n")
    return {
        "steps": f"{result['steps']:,}", "tokens": round(counts["tokens"] / 1e6),
        "window": counts["best_window"], "rates": "".join(lines),
        "gap": f"{counts['gaps'][str(counts['best_window'])][0]:.3f}",
    }  # fmt: skip


def reviews(result):
    """Lo que pierde cada receta en las reseñas reales; medianas de los turnos."""

    def middle(who, what):
        return median(turn[who][what] for turn in result["turns"])

    lines = [REVIEWS_HEADER]
    for who, name in RECIPES.items():
        seen, unseen = middle(who, "nats_training"), middle(who, "nats")
        lines.append(
            f"| {name} | {middle(who, 'parameters') / 1e6:.1f} | {middle(who, 'epochs'):.1f} "
            f"| {seen:.2f} | {unseen:.2f} | {math.exp(unseen):.1f} |\n"
        )
    return {
        "minutes": f"{middle('reference', 'seconds') / 60:.0f}", "reviews": "".join(lines),
        "epochs": f"{middle('course', 'epochs'):.0f}",
        "training": f"{result['reviews']['train']:,}",
        "reached": f"{100 * result['time_to_reference']['median']:.0f}",
        "gain": f"{-result['over_reference']['reviews']['median']:g}",
    }  # fmt: skip


def scaling(result):
    """Cuánto cae la brecha en los entrenamientos de la ley y de ahí al grande; medianas."""

    def exponent(start, end):
        return median(
            -math.log(turn[end]["gap"] / turn[start]["gap"])
            / math.log(turn[end]["tokens"] / turn[start]["tokens"])
            for turn in result["turns"]
        )

    first, *_, last, _ = (f"{run['steps']:,}" for run in result["turns"][0])
    return {
        "first": first, "last": last, "near": f"{exponent(0, -2):.2f}",
        "far": f"{exponent(-2, -1):.2f}",
        "share": f"{100 * result['predicted_over_measured']['median']:.0f}",
    }  # fmt: skip


SECTIONS = {
    "grading_proof": exercises, "baseline_rates": rates, "real_reviews": reviews,
    "scaling_law": scaling,
}  # fmt: skip


def page():
    """El texto de la página; lo que no se ha medido, lo dice."""
    values = {"grading": table(GRADING), "model": table(MODEL)}
    for name, tell in SECTIONS.items():
        values |= tell(result) if (result := load(name)) else {}
    template = TEMPLATE.read_text(encoding="utf-8")
    return template.format_map(defaultdict(lambda: "(no medido)", values))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: escrito")
