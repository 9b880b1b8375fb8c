"""Guesses a chat's next tokens by looking them up in what it has already read and written.

Answers built from passages repeat them, so where the last few tokens have stood before, what followed then is a
good guess of what follows now (prompt lookup, Saxena 2023). The model checks the guesses in one step, which on a
CPU costs about as much as writing one token. Light: imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 3
SHORTEST = 2
FIRST_GUESS = 3


class Drafter:
    """One chat's tokens, indexed by what followed them; ``most`` bounds a guess."""

    def __init__(self, tokens: Sequence[int], most: int) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._most = most
        self._size = min(FIRST_GUESS, most)
        self._rest = 0
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Take in tokens that are certain."""
        for token in tokens:
            # What stands before this token is remembered only now: a guess must have something after it.
            place = len(self._tokens)
            for length in range(SHORTEST, LONGEST + 1):
                if place >= length:
                    self._after[tuple(self._tokens[place - length :])] = place
            self._tokens.append(token)

    def __len__(self) -> int:
        return len(self._tokens)

    def guess(self, room: int) -> list[int]:
        """At most ``room`` tokens that may follow; empty where nothing like the end was seen before."""
        if self._rest > 0:
            self._rest -= 1
            return []
        for length in range(LONGEST, SHORTEST - 1, -1):
            place = self._after.get(tuple(self._tokens[-length:])) if len(self._tokens) >= length else None
            if place is not None:
                return self._tokens[place : place + min(self._size, room)]
        return []

    def learn(self, guessed: int, right: int) -> None:
        """Guess longer while guesses are right; after a guess that was all wrong, shorter, and rest a while."""
        if right == guessed:
            self._size = min(self._most, self._size * 2)
        elif right == 0:
            self._rest = 2 if self._size == 1 else 0
            self._size = max(1, self._size // 2)
        else:
            self._size = max(1, min(self._most, right + 1))
