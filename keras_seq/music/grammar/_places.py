"""Places in the text of a tune, and the characters that lead from one to the next."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

TEXT = "text"  # stands for any character that may stand in a text, but the space
SAFE = "safe"  # those of them that no reader of tunes takes for something else
QUOTED = "quoted"  # the same in quotes


class Edge(NamedTuple):
    """What a character does, and where it leads.

    `written` tells whether a model may write it; others may stand in a prompt: what
    people write and what `validate` accepts, but some other reader does not.
    """

    action: str
    place: str
    written: bool = True


class Places:
    """The places, each with the characters that may follow.

    A place is a name; `values` holds what the action "meter" reads at one.
    """

    def __init__(self) -> None:
        self.edges: dict[str, dict[str, Edge]] = {}
        self.values: dict[str, int] = {}

    def add(
        self,
        place: str,
        characters: Iterable[str],
        action: str,
        to: str,
        *,
        written: bool = True,
    ) -> None:
        """Lets characters follow at a place."""
        edges = self.edges.setdefault(place, {})
        for character in characters:
            edge = Edge(action, to, written)
            if edges.setdefault(character, edge) != edge:
                raise AssertionError(f"{place!r} leads on in two ways: {character!r}")

    def copy(self, place: str, of: str, without: Iterable[str] = ()) -> None:
        """Lets follow what may follow at another place."""
        for character, edge in list(self.edges[of].items()):
            if character not in without:
                self.edges.setdefault(place, {}).setdefault(character, edge)

    def names(self) -> list[str]:
        """All places, those first that were declared first."""
        found = dict.fromkeys(self.edges)
        for edges in self.edges.values():
            found.update(dict.fromkeys(edge.place for edge in edges.values()))
        return list(found)

    def leading(self) -> Iterator[tuple[str, str, Edge]]:
        """All edges: place, character, edge."""
        for place, edges in self.edges.items():
            for character, edge in edges.items():
                yield place, character, edge
