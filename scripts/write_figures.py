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
AFTER_GRADING = """
Entregas hostiles son las que intentan obtener puntos, dañar a otros o escapar. Entregas \
maltratadas son honestas y correctas, pero llegan con metadatos perdidos, celdas repetidas o el \
archivo cambiado de nombre. Un texto con guion intenta ejecutarse en el navegador de quien lee.
"""
EXERCISES_INTRO = """
## Las tareas

¿Son justas las comprobaciones? Por el corrector aislado pasan respuestas correctas escritas de \
maneras distintas, cada una con {seeds} semillas; respuestas con errores típicos, y mutantes de la \
solución, con un solo cambio. La última columna cuenta cuántas de las erróneas darían por buenas \
unos ejemplos fijos, los de las pruebas visibles, que es como se comprueba en otros cursos. Lo \
mide `grading_proof.py`.

"""
EXERCISES_HEADER = (
    "| Ejercicio | Correctas aceptadas | Erróneas rechazadas | Mutantes rechazados "
    "| Erróneas y mutantes que pasan unos ejemplos fijos |\n|---|---|---|---|---|\n"
)
MODEL_INTRO = """
## El modelo

¿Merece la pena este GPT frente a lo que usarías en su lugar? Se compara con los dos lados en el \
mismo equipo de dos núcleos, con los mismos hilos y por turnos: cinco o más, cada uno con otra \
semilla; la ley de escala, con tres. Cada cifra es una razón de medianas con su intervalo del 95 % \
(*bootstrap*). El objetivo se cumple si lo cumple el peor extremo. El tiempo incluye compilar, \
salvo donde se dice. La brecha es lo que separa a un modelo del límite exacto de la gramática, en \
reseñas nuevas y contando solo tokens reales.

La *receta de origen* es la del capítulo 9 de [Foster (2023)](#ref-foster2023): un \
bloque con la normalización al final, anchura 256, dos cabezas de 256, vocabulario de 10,000, \
ventana de 80, lotes de 32, Adam con una tasa de 0.001 y el relleno contado en la pérdida. En la \
gramática se mide también con la anchura de nuestro modelo, 64, y la razón se da frente a la mejor \
de las dos.

"""
RATES_INTRO = """
**Los rivales, bien ajustados.** El GPT y las tres redes recurrentes, con casi sus mismos \
parámetros, leen las mismas reseñas con cinco tasas de aprendizaje, {steps:,} pasos y dos semillas \
cada una. La tabla da la brecha media. Kneser-Ney se ajusta por su ventana: con {tokens} millones \
de tokens la mejor es la de {window}, y deja una brecha de {gap:.3f}. Lo mide `baseline_rates.py`.

"""
AFTER_MODEL = """
**Lo que no se cumple.** Al cabo de un minuto la brecha del GPT todavía baja: le falta tiempo, por \
poco. Que una reseña sea posible es más difícil de lo que sugiere la brecha, porque tiene unos 60 \
tokens y basta uno imposible para perderla. Con 32 textos a la vez escribimos unas seis veces y \
media más tokens por segundo que con uno, y harían falta casi siete; no hemos medido qué lo frena. \
La ley de escala predice la mitad de la brecha que queda: con ocho veces más tokens, el modelo \
pequeño ya no mejora al mismo ritmo. Quizá lo limita su tamaño; no lo hemos comprobado.

En una GPU: no medido.

**Las reseñas reales.** Se usan las 10,001 primeras filas del archivo de Kaggle: ocho décimas \
partes para entrenar, una para validar y otra de reserva. El vocabulario sale solo de las de \
entrenamiento. Los modelos predicen los mismos tokens, los 80 primeros de cada reseña de \
validación. No encontramos otra cifra publicada de perplejidad en reseñas reservadas de este \
archivo.

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
    ("Pérdida en reseñas reales con 1/10 del tiempo, menos la de origen", "0 o menos",
     "real_reviews", at_most(0, "over_reference", "reviews_tenth")),
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
    """La sección de las tareas; nada si no se ha medido."""
    if result is None:
        return ""
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
    return EXERCISES_INTRO.format(seeds=result["seeds"]) + EXERCISES_HEADER + "".join(lines)


def rates(result):
    """Las brechas de cada red con cada tasa, y la mejor, en negrita; nada si no se ha medido."""
    if result is None:
        return ""
    counts, names = result["counts"], {"course": "GPT", "lstm": "LSTM", "gru": "GRU"}
    window = counts["best_window"]
    values = {
        "steps": result["steps"], "tokens": round(counts["tokens"] / 1e6), "window": window,
        "gap": counts["gaps"][str(window)][0],
    }  # fmt: skip
    columns = list(result["best"]["course"]["by_rate"])
    lines = [f"| Tasa | {' | '.join(columns)} |\n", f"|---{'|---' * len(columns)}|\n"]
    for kind, found in result["best"].items():
        gaps = [f"{gap:.3f}" for gap in found["by_rate"].values()]
        best = columns.index(str(found["best_rate"]))
        gaps[best] = f"**{gaps[best]}**"
        lines.append(f"| {names.get(kind, 'red simple')} | {' | '.join(gaps)} |\n")
    return RATES_INTRO.format(**values) + "".join(lines)


def page():
    """El texto de la página."""
    grading = INTRO + table(GRADING) + AFTER_GRADING + exercises(load("grading_proof"))
    return grading + MODEL_INTRO + table(MODEL) + rates(load("baseline_rates")) + AFTER_MODEL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: escrito")
