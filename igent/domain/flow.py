"""Registrations at suppliers as a graph: who is where, who could be where instead, and what moving would cost.

A node is a supplier, and one more has whoever is unplaced. An edge leads from s to t where a registration at s could be
at t; those with the same wish are one class. Costs are whole numbers of any size. Potentials keep every edge's reduced
cost at 0 or above, which proves that nothing cheaper of the same number exists; only along edges at 0, the tight ones,
can one such placing become another (complementary slackness).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from igent.domain.ledger import Account

__all__ = ["Flow", "Paths", "Tiers"]

Tiers = tuple[tuple[int, tuple[int, ...]], ...]  # of a class: each with its cost and nodes; the last is being unplaced
Paths = dict[int, tuple[int, bool]]  # per node the one before it, itself at a start, and whether by an exchange of use


class Flow:
    """What is placed so far, and how it can be changed.

    `at` counts the movable registrations of each class by node, `used` the places of each supplier. `sink` is the
    potential of the sink, where paths end: only suppliers at it may come to use more or fewer places.
    """

    def __init__(self, accounts: Sequence[Account], classes: Sequence[Tiers], *, cheapest: int) -> None:
        self.classes, self.unplaced, self.sink = classes, len(accounts), cheapest
        self.at: list[dict[int, int]] = [{} for _ in classes]
        self.used = [account.used for account in accounts]
        self.potential = [cheapest] * len(accounts) + [0]
        self._capacity = [account.capacity for account in accounts]
        common = lcm(*(account.capacity for account in accounts if account.capacity > 0))
        self._scale = [common // account.capacity if account.capacity > 0 else 0 for account in accounts]
        nodes = range(len(self.potential))
        # By edge and cost the classes that could move; an entry may be stale, which is seen when it is to be used.
        self._movers: list[list[dict[int, list[int]]]] = [[{} for _ in nodes] for _ in nodes]
        self._tight = [0 for _ in nodes]  # by node the ends of its tight edges, as bits; some may be stale, too
        self._equal: dict[int, int] = {}

    def has_room(self, node: int) -> bool:
        """Whether a supplier could take one more."""
        return self.used[node] < self._capacity[node]

    def may_end(self, node: int) -> bool:
        """Whether a path may end at a node: a supplier with room, which always has the sink's potential."""
        return node != self.unplaced and self.has_room(node)

    def next_square(self, node: int) -> int:
        """What one more place used adds to the sum of used squared over capacity, in a common unit."""
        return (2 * self.used[node] + 1) * self._scale[node]

    def last_square(self, node: int) -> int:
        """What the last place used has added to it."""
        return (2 * self.used[node] - 1) * self._scale[node]

    def cost(self, number: int, node: int) -> int:
        """What a registration of a class costs at a node of its tiers."""
        return next(cost for cost, tier in self.classes[number] if node in tier)

    def use(self, node: int, count: int) -> None:
        """Count places used; being unplaced uses none."""
        if node != self.unplaced:
            self.used[node] += count

    def put(self, number: int, node: int, count: int = 1) -> None:
        """Let registrations of a class be at a node, from where they can go to all others of their tiers."""
        at = self.at[number]
        at[node] = at.get(node, 0) + count
        if at[node] > count:
            return
        here, base, movers = self.cost(number, node), self.potential[node], self._movers[node]
        for cost, tier in self.classes[number]:
            for other in tier:
                if other != node:
                    movers[other].setdefault(cost - here, []).append(number)
                    if cost - here == self.potential[other] - base:
                        self._tight[node] |= 1 << other

    def exchange_equals(self) -> None:
        """From now on paths also lead from one supplier to another by using one place more here, and one fewer there,
        where that leaves the sum of squares as it is."""
        self._equal = {}
        for node in range(self.unplaced):
            if self.potential[node] == self.sink:
                square = self.last_square(node)
                self._equal[square] = self._equal.get(square, 0) | 1 << node

    def explore(self, start: int, goal: int | None = None, *, paths: Paths | None = None) -> Paths:
        """The nodes that tight edges lead to, with their paths, added to `paths`; no further than to a goal."""
        paths = {} if paths is None else paths
        paths[start] = start, False
        queue = [start]
        for node in queue:
            for other, by_use in self._edges(node, paths, goal):
                paths[other] = node, by_use
                queue.append(other)
                if other == goal:
                    return paths
        return paths

    def shift(self, paths: Paths, end: int) -> None:
        """Let one registration go over each edge of the path to `end`: that uses one more then, its start one fewer."""
        node = end
        self.use(end, 1)
        while paths[node][0] != node:
            before, by_use = paths[node]
            if by_use:
                self.use(before, 1)
                self.use(node, -1)
            else:
                number = self._mover(before, node, self.potential[node] - self.potential[before])
                assert number is not None, "a path over an edge that nobody can take"
                self.at[number][before] -= 1
                self.put(number, node)
            node = before
        self.use(node, -1)

    def reprice(self) -> bool:
        """Raise the potentials by the distances from the unplaced; False where no path leads from there to any room."""
        distances, nearest = self._distances()
        if nearest is None:
            return False
        for node in range(len(self.potential)):
            self.potential[node] += min(distances.get(node, nearest), nearest)
        self.sink += nearest
        for node, movers in enumerate(self._movers):
            base = self.potential[node]
            tight = (1 << other for other, costs in enumerate(movers) if self.potential[other] - base in costs)
            self._tight[node] = sum(tight)
        return True

    def _distances(self) -> tuple[dict[int, int], int | None]:
        """Reduced distances from the unplaced as far as to the sink, and the sink's (Dijkstra's algorithm)."""
        distances, done, nearest = {self.unplaced: 0}, set[int](), list[int]()
        while open_ := {node: distance for node, distance in distances.items() if node not in done}:
            node = min(open_, key=open_.__getitem__)
            if nearest and open_[node] >= min(nearest):
                break
            done.add(node)
            base = open_[node] + self.potential[node]
            if self.may_end(node):
                nearest.append(base - self.sink)
            for other in range(len(self.potential)):
                if other not in done and (cost := self._least(node, other)) is not None:
                    distance = base + cost - self.potential[other]
                    distances[other] = min(distance, distances.get(other, distance))
        return distances, min(nearest, default=None)

    def _edges(self, node: int, seen: Paths, goal: int | None) -> list[tuple[int, bool]]:
        """The edges that lead on to nodes not seen; the goal's alone where there is one."""
        tight = [other for other in _bits(self._tight[node]) if other not in seen]
        found: list[tuple[int, bool]] = []
        for other in [goal, *tight] if goal in tight and goal is not None else tight:
            if self._mover(node, other, self.potential[other] - self.potential[node]) is None:
                self._tight[node] &= ~(1 << other)
            elif other == goal:
                return [(other, False)]
            else:
                found.append((other, False))
        if self._equal and self.may_end(node):
            equal = _bits(self._equal.get(self.next_square(node), 0))
            found += [(other, True) for other in equal if other not in seen and (other, False) not in found]
        return found

    def _mover(self, node: int, other: int, cost: int) -> int | None:
        """A class that could go from one node to the other at that cost."""
        known = self._movers[node][other].get(cost, [])
        while known and not self.at[known[-1]].get(node):
            known.pop()
        return known[-1] if known else None

    def _least(self, node: int, other: int) -> int | None:
        """The least cost of going from one node to the other."""
        costs = self._movers[node][other]
        while costs:
            cost = min(costs)
            if self._mover(node, other, cost) is not None:
                return cost
            del costs[cost]
        return None


def _bits(mask: int) -> list[int]:
    found: list[int] = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found
