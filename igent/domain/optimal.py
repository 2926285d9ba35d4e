"""The allocation that no other one betters, over all registrations at once: a min-cost flow in exact whole numbers.

Better is, in this order: more placed; more in the first tier, then in the second, and so on; a smaller sum of used
squared over capacity, over all suppliers; and what is left equal goes by file order: the first registration gets the
best tier that it can, in it the supplier that stands first, then the second registration, and so on. So there is one
answer, and when its beginning has been taken from a ledger, the rest of it is the answer to the rest of the question.

Shortest augmenting paths place the most in the best tiers; from then on only what the potentials allow may move. The
usages that can be reached so are an M-convex set: where no single exchange between two suppliers makes them more even,
nothing does (Murota, Discrete Convex Analysis, 2003, theorem 6.26), and what is equally even, equal exchanges reach.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from igent.domain.allocation import Wish
from igent.domain.flow import Flow, Paths, Tiers
from igent.domain.ledger import Ledger

__all__ = ["optimal"]


def optimal(wishes: Sequence[Wish], ledger: Ledger) -> list[str | None]:
    """The supplier of each wish, in file order; None where it is left without a place. The ledger stays as it is."""
    accounts, classes = [*ledger], Counter(wishes)
    # A place in one tier outweighs any number of places in all later ones.
    costs = [-((len(wishes) + 1) ** power) for power in range(max(map(len, classes), default=0))][::-1]
    nodes = {account.supplier_id: node for node, account in enumerate(accounts) if account.room > 0}
    tiers = [_tiers(wish, costs, nodes, unplaced=len(accounts)) for wish in classes]
    flow = Flow(accounts, tiers, cheapest=min(costs, default=-1))
    _begin(flow, [*classes.values()])
    _fill(flow)
    _even_out(flow)
    numbers = {wish: number for number, wish in enumerate(classes)}
    flow.exchange_equals()
    found = [_settle(flow, numbers[wish]) for wish in wishes]
    return [None if node == flow.unplaced else accounts[node].supplier_id for node in found]


def _tiers(wish: Wish, costs: Sequence[int], nodes: Mapping[str, int], *, unplaced: int) -> Tiers:
    """A wish as nodes in file order, only suppliers with room; one that is in a later tier, too, is no harm there."""
    known = (tuple(sorted(nodes[one] for one in tier if one in nodes)) for tier in wish)
    return (*((cost, tier) for cost, tier in zip(costs, known, strict=False) if tier), (0, (unplaced,)))


def _begin(flow: Flow, counts: Sequence[int]) -> None:
    """Place in first tiers as far as they have room at once, who has least choice first: nothing is cheaper."""
    for number in sorted(range(len(counts)), key=lambda one: len(flow.classes[one][0][1])):
        cost, tier = flow.classes[number][0]
        first = tier if cost == flow.sink else ()
        left = counts[number]
        while left and (roomy := [node for node in first if flow.has_room(node)]):
            node = min(roomy, key=flow.next_square)
            flow.use(node, 1)
            flow.put(number, node)
            left -= 1
        if left:
            flow.put(number, flow.unplaced, left)


def _fill(flow: Flow) -> None:
    """Place as many as can be at the least cost: along shortest paths, all those of one length after each other."""
    while flow.reprice():
        while (end := _best_end(flow, paths := flow.explore(flow.unplaced))) is not None:
            flow.shift(paths, end)


def _even_out(flow: Flow) -> None:
    """Exchange use between suppliers, the fullest first, until no exchange makes it more even."""
    nodes = [node for node in range(flow.unplaced) if flow.potential[node] == flow.sink]
    moved = True
    while moved:
        moved = False
        for node in sorted(nodes, key=flow.last_square, reverse=True):
            moved |= _unload(flow, node)


def _unload(flow: Flow, node: int) -> bool:
    """Move use from a supplier to others for as long as it weighs less there; whether any was moved."""
    moved = False
    while True:
        paths = flow.explore(node)
        end = _best_end(flow, (other for other in paths if other != node))
        if end is None or flow.next_square(end) >= flow.last_square(node):
            return moved
        flow.shift(paths, end)
        moved = True


def _best_end(flow: Flow, nodes: Iterable[int]) -> int | None:
    """Where one more place used adds least to the sum of squares."""
    return min((node for node in nodes if flow.may_end(node)), key=flow.next_square, default=None)


def _settle(flow: Flow, number: int) -> int:
    """The best node that one more registration of a class can have for good, with all others together as well off."""
    tiers, at = flow.classes[number], flow.at[number]
    now = next(node for _, tier in tiers for node in tier if at.get(node))
    tightness = flow.cost(number, now) - flow.potential[now]
    paths: Paths = {}
    at[now] -= 1
    for cost, tier in tiers:
        for node in tier:
            if node == now:
                return now
            tight = cost - flow.potential[node] == tightness
            if tight and node not in paths and now in flow.explore(node, now, paths=paths):
                _make_way(flow, paths, node, now)
                return node
    raise AssertionError("a registration is nowhere")


def _make_way(flow: Flow, paths: Paths, node: int, now: int) -> None:
    """Let others move from a node to the one that a registration leaves for it."""
    used = [*flow.used]
    flow.shift(paths, now)
    flow.use(now, -1)
    flow.use(node, 1)
    if flow.used != used:
        flow.exchange_equals()
