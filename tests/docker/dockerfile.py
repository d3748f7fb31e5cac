"""Dockerfiles as data: instructions in stages, in the grammar that ours use (no heredocs, no parser directives)."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

_WORDS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "STOPSIGNAL", "USER",
    "VOLUME", "WORKDIR",
}  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    """One instruction; `rest` is what follows its word, continuation lines joined."""

    word: str
    rest: str

    @property
    def flags(self) -> dict[str, str]:
        """Leading --name=value options."""
        found = {}
        for part in self.rest.split():
            if not part.startswith("--"):
                break
            name, _, value = part[2:].partition("=")
            found[name] = value
        return found

    @property
    def arguments(self) -> list[str]:
        """Words behind the options: of the JSON form as they are, else as a shell splits them."""
        text = self.rest
        while text.startswith("--"):
            text = text.partition(" ")[2].lstrip()
        if text.startswith("["):
            words = json.loads(text)
            assert isinstance(words, list) and all(isinstance(word, str) for word in words), text
            return words
        return shlex.split(text)


@dataclass
class Stage:
    """Instructions from one FROM to the next."""

    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def of(self, word: str) -> list[Instruction]:
        return [one for one in self.instructions if one.word == word]

    def last(self, word: str) -> Instruction:
        found = self.of(word)
        assert found, f"no {word}"
        return found[-1]

    @property
    def environment(self) -> dict[str, str]:
        """Everything that ENV sets; words without = are an error, as the old form of ENV is."""
        pairs = [word.partition("=") for one in self.of("ENV") for word in one.arguments]
        assert all(sign for _, sign, _ in pairs), pairs
        return {name: value for name, _, value in pairs}


@dataclass(frozen=True)
class Dockerfile:
    """A parsed file: defaults of the global ARGs, and the stages."""

    arguments: dict[str, str]
    stages: list[Stage]

    @property
    def final(self) -> Stage:
        return self.stages[-1]


def parse(path: Path) -> Dockerfile:
    """Read a Dockerfile.

    Raises:
        ValueError: a line is no instruction, or an instruction stands before the first FROM.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for line in _logical_lines(path.read_text()):
        word, _, rest = line.partition(" ")
        if word not in _WORDS or not rest.strip():
            raise ValueError(f"{path.name}: {line[:60]!r} is no instruction")
        one = Instruction(word, rest.strip())
        if word == "FROM":
            match = re.fullmatch(r"(\S+)(?: AS (\S+))?", one.rest)
            if match is None:
                raise ValueError(f"{path.name}: {line!r}")
            stages.append(Stage(match[1], match[2]))
        elif stages:
            stages[-1].instructions.append(one)
        elif word == "ARG":
            name, _, value = one.rest.partition("=")
            arguments[name] = value
        else:
            raise ValueError(f"{path.name}: {word} stands before the first FROM")
    return Dockerfile(arguments, stages)


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    joined = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if line.endswith("\\"):
            joined += line[:-1].strip() + " "
        elif joined or line.strip():
            lines.append((joined + line.strip()).strip())
            joined = ""
    assert not joined, "the last line goes on"
    return [line for line in lines if line]
