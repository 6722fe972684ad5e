"""Las entregas honestas que llegan estropeadas, con todas las tareas.

    python benchmarks/grading_damaged_all.py [--full]

Las variantes son las de benchmarks/grading_damaged.py, que compara con nbgrader en la tarea 01.
Aquí se califican las de cada tarea, con todo hecho, y se cuenta cuántas conservan su nota. Sin
`--full`, que escribe benchmarks/results/grading_damaged_all.json, son las cinco primeras.
"""

import sys

from grading_damaged import HALVES, ROOT, counted, damaged, ours
from side_by_side import FULL, publish


def main():
    chosen = list(damaged.VARIANTS)[: None if FULL else 5]
    report = {}
    for folder in sorted((ROOT / "solutions").iterdir()):
        result, points = ours(HALVES["complete"], chosen, folder.name)
        report[folder.name] = {"clean_points": points, **counted(result)}
        print(folder.name, report[folder.name], flush=True)
    publish("grading_damaged_all", {"variants": len(chosen), "assignments": report})
    return int(any(row["not_equal"] for row in report.values()))


if __name__ == "__main__":
    sys.exit(main())
