# The local stack. `make` alone lists what there is; ARGS passes arguments on.
PYTHON ?= python3
DEVSTACK = $(PYTHON) -m shop.devstack
TEMPLATES = $(wildcard shop catalog orders content)
LOCK = uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links --quiet

.DEFAULT_GOAL := help
SEED ?= 1
RUNS ?= 500
PROXY ?= own
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' Makefile)

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'

run: ## start everything: shop, worker, timetable, PostgreSQL, Valkey, local Stripe (PORT=8000)
	@exec $(DEVSTACK) run

test: ## run all checks and tests; only some tests with ARGS="-k cart" or ARGS=tests/shop/test_money.py
	@exec $(DEVSTACK) test $(ARGS)

manage: ## run a management command: make manage ARGS="shell"
	@exec $(DEVSTACK) manage $(ARGS)

web: ## run the web alone
	@exec $(DEVSTACK) web

worker: ## run the task worker alone
	@exec $(DEVSTACK) worker

beat: ## run the timetable alone
	@exec $(DEVSTACK) beat

devstripe: ## run the local Stripe alone
	@exec $(DEVSTACK) devstripe

demo: ## play a customer's journey against the stack
	@exec $(DEVSTACK) demo

stripe-smoke: ## pay, refund and more at Stripe itself, with your own test key (STRIPE_SECRET_KEY)
	@exec $(DEVSTACK) smoke

chaos-payments: ## break payments on purpose, then balance the books (SEED=1 RUNS=500 PROXY=own|shared)
	@exec $(DEVSTACK) chaos --seed $(SEED) --runs $(RUNS) --proxy $(PROXY)

chaos-refills: REFILLS ?= 300
chaos-refills: ## kill workers while refills are charged, then balance the books (SEED=1 REFILLS=300 ARGS=)
	@exec $(DEVSTACK) chaos-refills --seed $(SEED) --refills $(REFILLS) $(ARGS)

simulate-refills: SUBSCRIPTIONS ?= 100
simulate-refills: DAYS ?= 180
simulate-refills: ## play months of refills, faults and changes of mind, then judge (SUBSCRIPTIONS=100 DAYS=180 SEED=1)
	@exec $(DEVSTACK) manage simulate_refills --subscriptions $(SUBSCRIPTIONS) --days $(DAYS) --seed $(SEED)

prove-orders: ## random baskets, refunds and races for discounts, as often as promised
	@PROVE=1 exec $(DEVSTACK) test tests/orders/test_sums.py tests/orders/test_redemption_races.py

bench-webhooks: ## measure webhooks, and checkout while Stripe hangs
	@exec $(DEVSTACK) chaos --measure

bench-inventory: ## measure reserve and release beside the bare statements; exit 1 under 40 %
	@exec $(DEVSTACK) bench-inventory $(ARGS)

bench-orders: ## find orders in the admin among a million; exit 1 over 200 ms (ARGS="--orders 100000")
	@exec $(DEVSTACK) bench-orders $(ARGS)

bench-refills: ## plan and claim 100,000 refills among 1,000,000; exit 1 under 2,000 a second (ARGS="--subscriptions 100000 --due 10000")
	@exec $(DEVSTACK) bench-refills $(ARGS)

bench-claims: ## time the copy checker; exit 1 over 50 ms for an article or 100 ms for a line of 100 kB
	@exec $(DEVSTACK) python -m tests.bench.claims

fuzz-api: FUZZ ?= 100
fuzz-api: ## try every operation against the OpenAPI document, and with malformed requests (FUZZ=100 each)
	@FUZZ_EXAMPLES=$(FUZZ) exec $(DEVSTACK) test tests/policy -k "document_is_kept or malformed" -s

race-stock: RUNS = 2000
race-stock: ## race for last units on real connections (RUNS=2000)
	@STOCK_RACES=$(RUNS) exec $(DEVSTACK) test tests/catalog/test_last_units.py

env: ## print the running stack's environment for a shell
	@exec $(DEVSTACK) env

stop: ## stop the running stack
	@exec $(DEVSTACK) stop

format: ## format Python and templates, and repair what can be repaired
	$(DEVSTACK) python -m ruff format .
	$(DEVSTACK) python -m ruff check --fix .
	$(DEVSTACK) python -m djlint $(TEMPLATES) --reformat --quiet

lock: ## write requirements.txt and requirements-dev.txt anew from the .in files
	$(DEVSTACK) python -m $(LOCK) requirements.in --output-file requirements.txt
	$(DEVSTACK) python -m $(LOCK) requirements-dev.in --output-file requirements-dev.txt
