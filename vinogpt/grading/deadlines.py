"""Plazos de entrega: cuánto se pierde por llegar tarde.

Se escriben en `deadlines.toml`, en la raíz del curso, con una tabla por tarea:

    [01_embeddings]
    due = 2026-03-02T23:59:00+01:00   # obligatorio, con zona horaria
    grace_minutes = 15                # hasta aquí no cuenta como tarde
    percent_per_day = 10              # por cada día empezado desde `due`
    max_percent = 50                  # lo más que se pierde
    zero_after_days = 7               # desde aquí se pierde todo
    excused = ["luis"]                # no pierden nada
    [01_embeddings.extensions]        # otra fecha para una persona
    ana = 2026-03-09T23:59:00+01:00
"""

import math
import re
import tomllib
from datetime import datetime, timedelta
from pathlib import Path

DAY = timedelta(days=1)
NUMBERS = ["grace_minutes", "percent_per_day", "max_percent", "zero_after_days"]
KEYS = ["due", "excused", "extensions", *NUMBERS]


class DeadlineError(ValueError):
    """Un plazo que no se entiende; el mensaje dice la clave o la línea."""


def load_policy(path):
    """Plazos por tarea, ya comprobados; sin archivo, ninguno. Lanza DeadlineError."""
    path = Path(path)
    try:
        policy = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"line (\d+)", str(error))
        where = f", línea {line[1]}" if line else ""
        raise DeadlineError(
            f"{path}{where}: no es TOML. Una fecha se escribe 2026-03-02T23:59:00+01:00"
        ) from None
    for assignment, rules in policy.items():
        check_rules(f"{path}, [{assignment}]", rules)
    return policy


def check_rules(where, rules):
    """Lanza DeadlineError si una tabla no tiene la forma que describe el módulo."""
    if not isinstance(rules, dict) or "due" not in rules:
        raise DeadlineError(f"{where}: falta `due`, la fecha de entrega")
    if unknown := sorted(set(rules) - set(KEYS)):
        raise DeadlineError(f"{where}: no se conoce `{unknown[0]}`; usa {', '.join(KEYS)}")
    for key in [key for key in NUMBERS if key in rules]:
        if type(rules[key]) not in (int, float) or not 0 <= rules[key] < math.inf:
            raise DeadlineError(f"{where}: `{key}` debe ser un número, 0 o mayor")
    excused, extensions = rules.get("excused", []), rules.get("extensions", {})
    if not isinstance(excused, list) or not all(isinstance(name, str) for name in excused):
        raise DeadlineError(f'{where}: `excused` debe ser una lista, como ["ana", "luis"]')
    if not isinstance(extensions, dict):
        raise DeadlineError(f"{where}: `extensions` debe ser una tabla de fechas por estudiante")
    for key, date in {"due": rules["due"], **extensions}.items():
        if not isinstance(date, datetime) or date.tzinfo is None:
            raise DeadlineError(f"{where}: `{key}` debe ser una fecha con hora y zona")


def late_days(rules, student, received):
    """Días empezados de retraso, 0 si no lo hay."""
    late = received - rules.get("extensions", {}).get(student, rules["due"])
    grace = timedelta(minutes=rules.get("grace_minutes", 0))
    return 0 if student in rules.get("excused", []) or late <= grace else -(-late // DAY)


def late_fraction(policy, assignment, student, received):
    """Fracción de los puntos que se pierde por el retraso, de 0 a 1; sin fecha o sin plazo, 0."""
    rules = policy.get(assignment)
    if not rules or received is None:
        return 0.0
    days = late_days(rules, student, received)
    if days > rules.get("zero_after_days", math.inf):
        return 1.0
    lost = min(days * rules.get("percent_per_day", 0), rules.get("max_percent", 100))
    return min(lost, 100) / 100


def late_reason(policy, assignment, student, received):
    """Por qué se pierde o no se puede saber, dicho al alumno; '' si no hay nada que decir."""
    if assignment not in policy:
        return ""
    if received is None:
        return "No consta cuándo se recibió: no se resta nada por retraso."
    days = late_days(policy[assignment], student, received)
    lost = late_fraction(policy, assignment, student, received)
    late = "1 día" if days == 1 else f"{days} días"
    return f"Llega con {late} de retraso: se resta el {100 * lost:g} % de los puntos." * bool(days)
