# Cada verbo prepara lo que necesita: scripts/course.py lo hace todo, también en Windows.
#   make book        make test        make test ARGS="-k grammar"        make book PYTHON=python3.12
#   make bench       una medida corta de cada cosa; make bench FULL=1, las cifras que se publican
PYTHON ?= python3
VERBS = book serve test exercises execute grade student bench

.PHONY: help $(VERBS)

help:
	@$(PYTHON) scripts/course.py --help

$(VERBS):
	@$(PYTHON) scripts/course.py $@ $(if $(ARGS)$(FULL),-- $(ARGS) $(if $(FULL),--full))
