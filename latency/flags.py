"""The flags: what can be wrong with a block, a measurement or a session, in one word, and in a sentence for people."""

from collections.abc import Iterable

from latency.memory import KEEPING_TEXT

CONTENDED = "contended"
THROTTLED = "throttled"
SUSPECT = "suspect"
LAUNCH_BOUND = "launch_bound"
GRAPH_FALLBACK = "graph_fallback"
COMPILE_FALLBACK = "compile_fallback"
ALLOCATOR_GREW = "allocator_grew"
PAGE_FAULTS = "page_faults"
NOT_STATIONARY = "not_stationary"
REFERENCE_UNSTABLE = "reference_unstable"
DEVICE_BUSY = "device_busy"
AA_FAILED = "aa_failed"
IMPRECISE = "imprecise"

EXPLANATIONS = {
    CONTENDED: "other processes took processor time during blocks",
    THROTTLED: "the device slowed itself down (heat or power)",
    SUSPECT: "blocks lie beside a reference block that strayed from the session's median",
    LAUNCH_BOUND: "the device waits for the host: a caller waits longer than the device works; "
    "use runtime graph, or clock host to search on what the caller sees",
    GRAPH_FALLBACK: "no CUDA graph could be used; eager forwards were timed instead",
    COMPILE_FALLBACK: "the model could not be compiled; eager forwards were timed instead",
    ALLOCATOR_GREW: "memory was allocated during blocks",
    PAGE_FAULTS: "forwards get their memory from the kernel anew; a process that keeps it is faster: " + KEEPING_TEXT,
    NOT_STATIONARY: "the times still moved when the warm-up ended",
    REFERENCE_UNSTABLE: "the reference strayed by more than 5 % and pausing did not help",
    DEVICE_BUSY: "the reference was over 10 % slow for a minute, as by another job; on a GPU measuring was cut short",
    AA_FAILED: "the reference differed from its own duplicate; intervals were widened to cover that",
    IMPRECISE: "the time or block limit came before the wanted precision",
}

UNCLEAN = frozenset({CONTENDED, THROTTLED, SUSPECT, ALLOCATOR_GREW})
"""Flags that keep a block out of the estimate while enough blocks without them remain."""


def explain(flags: Iterable[str]) -> list[str]:
    """One sentence per flag; a flag may carry a detail after a colon ("graph_fallback: ...")."""
    sentences = []
    for flag in flags:
        word, colon, detail = flag.partition(":")
        sentences.append(f"{EXPLANATIONS.get(word, word)}{f' ({detail.strip()})' if colon else ''}")
    return sentences
