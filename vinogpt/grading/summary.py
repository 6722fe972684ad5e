"""Lo que cuentan `grade` y `regrade`: el avance, el registro de la tarea y el resumen."""

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from vinogpt.grading import engine

UNDO = "python -m vinogpt grade --undo"
SHOWN = 20  # líneas de una lista que caben en la pantalla; las demás están en el registro


def progress(reports, total):
    """Deja pasar los informes y escribe en stderr cuántos van, a qué ritmo y cuánto falta."""
    start, last, executed, tty = time.monotonic(), 0.0, 0, sys.stderr.isatty()
    for done, report in enumerate(reports, 1):
        yield report
        executed += report.seconds > 0
        now = time.monotonic()
        if executed and (done == total or now - last > (0.2 if tty else 10)):
            rate, last = executed / (now - start), now
            left = timedelta(seconds=round((total - done) / rate))
            line = f"{done}/{total} entregas · {rate:.1f} por segundo · faltan {left}"
            start_of, end = ("\r\x1b[K", "\n"[done < total :]) if tty else ("", "\n")
            print(start_of + line, end=end, file=sys.stderr, flush=True)


# --- Registro: lo que hace falta para responder a una reclamación ----------------------------


def csv_of(assignment):
    return Path(f"grades_{assignment}.csv")


def record_of(assignment):
    return engine.FOLDER / f"{assignment}.json"


def read_record(assignment):
    path = record_of(assignment)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_record(assignment, record):
    path, text = record_of(assignment), json.dumps(record, ensure_ascii=False, indent=1)
    path.with_suffix(".part").write_text(text + "\n", encoding="utf-8", errors="replace")
    path.with_suffix(".part").replace(path)


def entry(graded, reports, seeds):
    """Ficha de una entrega en el registro."""
    submission, report = graded.submission, reports[graded.submission.student]
    return {
        **report._asdict(),
        "results": [result._asdict() for result in report.results],
        "digest": submission.digest,
        "received": submission.received and submission.received.isoformat(),
        "problem": submission.problem,
        "notes": submission.notes,
        "penalty": graded.penalty,
        "late": graded.late,
        "seed": seeds[submission.student],
        "version": engine.version(),
        "graded": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


# --- Lo que se lee en la pantalla ------------------------------------------------------------


def print_list(title, lines):
    print(title)
    for line in lines[:SHOWN]:
        print(f"  {' '.join(line.split())[:160]}")
    if len(lines) > SHOWN:
        print(f"  … y {len(lines) - SHOWN} más, en el registro.")


def print_differences(before, after):
    """Una línea por nota que cambia: estudiante · comprobación · antes → después · razón."""
    lines = []
    for student, new in after.items():
        old = {r["grade_id"]: f"{r['points']:g}" for r in before.get(student, new)["results"]}
        for result in new["results"]:
            name, points = result["grade_id"], f"{result['points']:g}"
            if old.get(name, "sin nota") != points:
                change = f"{old.get(name, 'sin nota')} → {points}"
                lines.append(f"{student} · {name} · {change} · {result['reason']}")
    print_list(f"Notas que cambian: {len(lines)}.", lines)


def notes_of(graded):
    """Qué se ha reparado en una entrega y qué pierde por llegar tarde."""
    return [*graded.submission.notes, *filter(None, [graded.penalty and graded.late])]


def problems_of(graded):
    """Por qué hay que revisar una entrega a mano; vacío si no hace falta."""
    stalled = [f"{r.grade_id}: {r.reason}" for r in graded.results if r.stalled]
    return [graded.submission.problem] if graded.submission.problem else stalled


def print_summary(args, graded, reports, seconds):
    """Cuántas entregas, qué media, quién tiene un problema y qué abrir después."""
    marks = [sum(r.points for r in g.results) - g.penalty for g in graded]
    total = sum(result.max_points for result in graded[0].results)
    stored = sum(reports[g.submission.student].cached for g in graded)
    executed = sum(len(g.results) for g in graded if not g.submission.problem) - stored
    problems = [f"{g.submission.student}: {p}" for g in graded for p in problems_of(g)]
    mean = f"{sum(marks) / len(marks):.2f} de {total:g}"
    print(f"{args.assignment}: {len(graded)} entregas, media {mean}, en {seconds:.0f} s.")
    print(f"Comprobaciones: {executed} ejecutadas y {stored} ya guardadas.")
    print(f"Aislamiento: {isolation_of(args, graded)}")
    print_list(f"Problemas: {len(problems)}.", problems)
    notes = [f"{g.submission.student}: {note}" for g in graded for note in notes_of(g)]
    print_list(f"Avisos: {len(notes)}.", notes)
    print(f"Notas: {csv_of(args.assignment)} · Registro: {record_of(args.assignment)}")
    print(f"Devoluciones: feedback/ESTUDIANTE/{args.assignment}/{args.assignment}.html")
    print(f"Para deshacer: {UNDO}")


def isolation_of(args, graded):
    """Qué se ha probado del aislamiento, en una frase."""
    if args.no_sandbox:
        return "NINGUNO. Las respuestas se han ejecutado sin aislar (--no-sandbox)."
    proofs = [g.isolation for g in graded if not g.submission.problem]
    failed = sorted({name for proof in proofs for name, denied in proof.items() if not denied})
    unproved = sum(not proof for proof in proofs)
    if failed or unproved:
        return f"NO PROBADO en {unproved} entregas; fallan: {', '.join(failed) or 'ninguna'}."
    return f"probado en las {len(proofs)} entregas que se han podido ejecutar."
