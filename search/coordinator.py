"""The coordinator: owns the store, runs each search in a subprocess, and commits every event before it is shown.

    store = Store.open(home)                       # the one writer of this home
    outcome = Coordinator(store, home).run(job, on_event=print)
    outcome = Coordinator(store, home).resume("20261121-093015-k3f9", on_event=print)

`Coordinator.run(job, on_event) -> Outcome`, `.resume(search_id, on_event) -> Outcome`, `.cancel()` (any thread, or a
signal handler). `Outcome(id, state, message, answer, exit_code)`; `Answer` is in `search.answer`.
"""
