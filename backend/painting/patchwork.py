"""Pieces of exemplars that go on in each other, on a surface or a plane.

In the manner of "Lapped Textures" (Praun, Finkelstein and Hoppe 2000), each piece is laid flat from its
middle outwards; of places in the exemplar it gets the one that fits best to what it overlaps ("Image
Quilting", Efros and Freeman 2001), and is cut to that where the two differ least (`cuts`). Then pieces are
laid over the worst cuts, and what differs in tone across those that are left passes softly (Pérez, Gangnet,
Blake 2003, "Poisson Image Editing", screened). Where something lies beneath, pieces are chosen to look like
it, too (there called texture transfer), and what has contrast stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from scipy.sparse import coo_array, eye_array
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree
from torch import Tensor

from ..objectives.landmarks import FULL_CONTRAST
from ..pictures.images import blurred_within, resize_shorter
from .collage import Floats, Indices, chunks, farthest_points, flattened
from .cuts import expansion
from .fitting import misfits, rarity, searched
from .pieces import lines_of, no_pieces, sampled, sides_of

RADIUS = 0.22  # of a piece, in what the exemplar's shorter side spans: middles are so far apart
REACH = 1.4  # radii, what a piece may take
CORE = 0.4  # radii, what it does take when first laid
ACROSS = 20  # points along a radius, among which cuts are found
BESIDE = 8  # neighbours of a point
MENDING = 0.6  # pieces laid over the worst cuts, per piece that there is
ROUNDS = 4  # in which these are laid
SHARING = 4  # points that share what is around them
COMPARED = 200  # points at which a piece is compared to what it overlaps
BEST, CLOSER = 12, 24  # good places for a piece, near each of which so many are tried
NEAR = (0.01, 0.003)  # how near, one time and the next one, in what the exemplar's shorter side spans
FITS = 0.1  # variances, by which what fits well enough differs at most
MARGIN = 0.3  # radii from an exemplar's edge, that pieces' middles keep; 1 where nothing else is left
TURN = 0.1  # radians that a piece may be turned by, so that it fits
TURNS = (-TURN, -TURN / 2, TURN / 2, TURN)  # at which places are looked for, where without nothing fits
TURNING = 0.05  # variances, that a piece is taken for worse if it is so much
REUSE = 0.4  # variances of the exemplar, that a place taken once within sight is taken for worse
OUTSIDE = 0.3  # variances, that a place is taken for worse if all of the piece were outside the exemplar
IN_STEP, OUT_OF_STEP = 0.08, 2.0  # of a period, that pieces may be beside it; variances, if they are more
SAME = 0.75  # radii, how near to a place that was taken another one shows much the same
SOFT = 8  # points from a cut, over which tones pass
BENEATH = 1 << 30  # the label of what lies beneath
LIKE, LIKE_WIDTH = 2.0, 1 / 3  # weight of looking like it, in variances; radii over which both are averaged
CONTRAST, CONTRAST_WIDTH = 0.2, 0.03  # of full contrast, that stays; where it is found, in exemplars' sides
MOST_STEP = 0.15  # of tone, that is passed softly

Tell = Callable[[int, int], None]  # how many of how many pieces are laid


@dataclass(frozen=True)
class Ground:
    """What is covered: points (U, 3), and the same embedded (U, D) so that pieces' radius is 1.

    axes: finds which way is right and down (2, 3) at a point, given which way is down beside it, (3,).
    spans: of the exemplars' shorter sides on it; radius: of a piece. period (3,): after which it repeats, and
    boxes (D,): the same for what is embedded; inf, and 0: never. steps: on a plane of pixels, where pieces
    are pixels of exemplars, neither turned nor resampled, each exemplar's periods (2, 2), right and down,
    which its pieces keep all over the plane. share: of an exemplar's shorter side, that is the radius;
    across: points along a radius, among which cuts are found. rare: how much worse a place is taken for, the
    less the exemplar has its like: a figure, a face, not the strokes around it.
    """

    points: Floats
    embedded: Floats
    axes: Callable[[int, NDArray[np.float64]], NDArray[np.float64]]
    spans: list[float]
    radius: float
    period: NDArray[np.float64]
    boxes: NDArray[np.float64]
    steps: list[NDArray[np.float64]] | None
    share: float = RADIUS
    across: int = ACROSS
    rare: float = 0.0


@dataclass(frozen=True)
class Beneath:
    """What lies on the ground: colours (U, 3); and others, whose contrast says where it stays, (U, 3)."""

    colors: Floats
    original: Floats


def patchwork(
    ground: Ground,
    chosen: Indices,
    exemplars: list[tuple[Tensor, float]],
    random: np.random.Generator,
    tell: Tell,
    beneath: Beneath | None = None,
) -> Tensor:
    """Cover all points of `ground` with pieces of exemplars, but for landmarks of what lies beneath: (3, U).

    chosen: indices of the points among which cuts are found. exemplars: images (3, H, W) with shares that
    sum to 1. tell: hears how many of how many pieces are laid.
    """
    work = _Patchwork(ground, chosen, exemplars, random, beneath)
    work.run(tell)
    return work.colored()


class _Patchwork:
    """The points among which cuts are found, and what lies on them."""

    def __init__(
        self,
        ground: Ground,
        chosen: Indices,
        exemplars: list[tuple[Tensor, float]],
        random: np.random.Generator,
        beneath: Beneath | None,
    ) -> None:
        self.ground, self.chosen, self.random = ground, chosen, random
        self.points, embedded = ground.points[chosen].astype(np.float64), ground.embedded[chosen]
        self.embedded = embedded
        self.images = [image for image, _ in exemplars]
        self.shares = [share for _, share in exemplars]
        self.small = [
            resize_shorter(image, min(min(image.shape[1:]), ground.across / ground.share))
            for image in self.images
        ]
        self.searched = [searched(image, self._reach(image)) for image in self.small]
        self.variance = float(np.mean([image.flatten(1).var(1).sum() for image in self.small])) + 1e-9
        self.tree = cKDTree(embedded, boxsize=ground.boxes)
        away, beside = self.tree.query(embedded, BESIDE + 1, workers=-1)
        first = np.repeat(np.arange(len(embedded)), BESIDE + 1)
        near = np.isfinite(away.ravel()) & (away.ravel() < 4 / ground.across)
        pairs = np.sort(np.stack([first, beside.ravel()], 1)[near], 1)
        pairs = np.unique(pairs[:, 0] * len(embedded) + pairs[:, 1])
        self.pairs = np.stack(np.divmod(pairs, len(embedded)), 1)
        self.pairs = self.pairs[self.pairs[:, 0] != self.pairs[:, 1]]
        each = np.arange(len(self.pairs))
        touches = coo_array(
            (np.ones(2 * len(each), bool), (self.pairs.T.ravel(), np.tile(each, 2))),
            (len(embedded), len(each)),
        ).tocsr()
        self.starts, self.touching = touches.indptr, touches.indices
        self.label = np.full(len(embedded), -1)
        self.colors = np.zeros((len(embedded), 3), np.float32)
        # What the piece of a pair's first point shows at its second one, and the other way round.
        self.across = np.zeros((len(self.pairs), 2, 3), np.float32)
        self.cost = np.zeros(len(self.pairs))
        self.pieces = no_pieces(ground.period)
        self.rare = [
            ground.rare * rarity(image, ground.across) / self.variance if ground.rare else np.zeros(())
            for image in self.small
        ]
        self.stays = np.zeros(len(embedded), bool)
        self.beneath = beneath
        if beneath is not None:
            self._lay_beneath(beneath)

    def _reach(self, image: Tensor) -> int:
        return int(np.ceil(REACH * self.ground.share * min(image.shape[1:])))

    def _lay_beneath(self, beneath: Beneath) -> None:
        """Begin with landmarks of what lies beneath, and note what pieces of the rest are to look like."""
        colors, original = (
            part[self.chosen].astype(np.float64) for part in (beneath.colors, beneath.original)
        )
        places = cKDTree(self.points)  # around an edge, too, where the surface turns
        reach = CONTRAST_WIDTH / self.ground.share * self.ground.radius
        mean, square = (around(places, part, reach) for part in (original, original**2))
        contrast = np.sqrt((square - mean**2).clip(min=0).sum(1)) / FULL_CONTRAST
        self.stays = contrast > CONTRAST
        self.label[self.stays], self.colors[self.stays] = BENEATH, colors[self.stays]
        self._recount(np.arange(len(self.pairs)))
        self.like = around(self.tree, colors, LIKE_WIDTH).astype(np.float32)
        radius = max(1, round(LIKE_WIDTH * self.ground.across / 2))
        soft = [blurred_within(image, torch.ones(image.shape[1:]), radius) for image in self.small]
        self.soft = [searched(image, self._reach(image)) for image in soft]
        self.soft_variance = float(np.mean([image.flatten(1).var(1).sum() for image in soft])) + 1e-9

    def run(self, tell: Tell) -> None:
        """Lay pieces all over, each beside what is there; then over the worst cuts, where that is better."""
        bare = np.flatnonzero(self.label < 0)
        if not len(bare):
            return
        middles = farthest_points(self.embedded, bare, len(bare))
        count = len(middles)
        mended = round(MENDING * count)
        waiting, away = np.ones(count, bool), np.full(count, 1e9)
        for number in range(count):
            k = int(np.where(waiting, away, np.inf).argmin())
            waiting[k] = False
            self._piece(int(middles[k]), first=True)
            away = np.minimum(
                away, np.linalg.norm(self.embedded[middles] - self.embedded[middles[k]], axis=1)
            )
            tell(number + 1, count + mended)
        while (bare := np.flatnonzero(self.label < 0)).size:  # what lay outside an exemplar
            self._piece(int(bare[0]), first=True, margin=1.01)
        for number in range(mended):
            if number % -(-mended // ROUNDS) == 0:
                bad = self._beside(self._beside(self.cost))
            worst = int(bad.argmax())
            if bad[worst] > 0:
                self._piece(worst, first=False)
                bad[self.tree.query_ball_point(self.embedded[worst], REACH)] = 0
            tell(count + number + 1, count + mended)

    def _beside(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum what pairs have, (E,), or the points beside, (P,), at each point: (P,)."""
        p, q = self.pairs.T
        one, other = (values, values) if len(values) == len(p) else (values[q], values[p])
        count = len(self.points)
        return np.asarray(np.bincount(p, one, count) + np.bincount(q, other, count), np.float64)

    def _piece(self, middle: int, first: bool, margin: float = MARGIN) -> None:
        inside = np.array(self.tree.query_ball_point(self.embedded[middle], REACH))
        here, pieces = self.points[middle], self.pieces
        apart = np.linalg.norm(pieces.offset(pieces.middles, here[None]), axis=1) / self.ground.radius
        down = (pieces.axes[:, 1] * np.exp(-2 * apart)[:, None]).sum(0)
        axes = self.ground.axes(int(self.chosen[middle]), down)
        offset = pieces.offset(self.points[inside], here[None])
        flat = flattened(offset, np.broadcast_to(axes, (len(inside), 2, 3)))
        away = np.linalg.norm(offset, axis=1) / self.ground.radius
        known = self.label[inside] >= 0
        which = int(self.random.choice(len(self.images), p=self.shares))
        span = self.ground.spans[which]
        compared = known if first else known & (away > REACH / 2)
        sight = np.exp(-apart * self.ground.radius / span)
        place, angle = self._fit(which, here, flat / span, inside, compared, sight, margin)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        new = len(pieces.middles)
        self.pieces = pieces.with_one(here, turn @ axes, which, place, span)
        shown = self.pieces.shown(self.small, self.points[inside], np.full(len(inside), new))
        where = flat / span @ turn.T + place
        outside = ((where < 0) | (where > sides_of(self.images[which]))).any(1)
        stays = outside | self.stays[inside]
        self._take(new, inside, shown, stays, ~stays & (~known | ((away < CORE) & first)))

    def _take(
        self,
        new: int,
        inside: Indices,
        shown: NDArray[np.float32],
        stays: NDArray[np.bool_],
        goes: NDArray[np.bool_],
    ) -> None:
        """Give the piece `new`, which shows colours `shown` (n, 3) at points `inside` (n,), what is best."""
        number = np.full(len(self.points), -1)
        number[inside] = np.arange(len(inside))
        touched = np.zeros(len(self.pairs), bool)
        begin, end = self.starts[inside], self.starts[inside + 1]
        upto = np.cumsum(end - begin)
        touched[self.touching[np.arange(upto[-1]) + np.repeat(end - upto, end - begin)]] = True
        some = np.flatnonzero(touched)
        local = number[self.pairs[some]]
        border = (local < 0).any(1)
        outer = np.where(local[border, 0] < 0, self.pairs[some][border, 0], self.pairs[some][border, 1])
        stays = stays.copy()
        stays[local[border].max(1)[self.label[outer] >= 0]] = True
        within, local = some[~border], local[~border]
        here = self.label[inside]
        p, q = local.T
        over = np.linalg.norm(shown - self.colors[inside], axis=1)
        by_first = np.linalg.norm(self.across[within, 0] - shown[q], axis=1)  # p's piece, at q
        by_second = np.linalg.norm(self.across[within, 1] - shown[p], axis=1)
        bare_p, bare_q = here[p] < 0, here[q] < 0
        second = np.where(bare_p, 0, over[p] + np.where(bare_q, over[p], by_first))
        first = np.where(bare_q, 0, over[q] + np.where(bare_p, over[q], by_second))
        cost = np.where(bare_p | bare_q, 0, self.cost[within])
        taken = expansion(
            len(inside), local, cost, first, second, np.flatnonzero(stays & ~goes), np.flatnonzero(goes)
        )
        now = inside[taken]
        self.label[now], self.colors[now] = new, shown[taken]
        self._recount(some)

    def _recount(self, some: Indices) -> None:
        """Find what the cuts between the pairs `some` cost."""
        p, q = self.pairs[some].T
        one, other = self.label[p], self.label[q]
        self.across[some, 0], self.across[some, 1] = self.colors[q], self.colors[p]
        cut = (one != other) & (one >= 0) & (other >= 0)
        at, p, q = some[cut], p[cut], q[cut]
        self.across[at, 0] = self._shown(self.small, self.chosen[q], one[cut])
        self.across[at, 1] = self._shown(self.small, self.chosen[p], other[cut])
        self.cost[some] = 0
        differs = self.across[at] - np.stack([self.colors[q], self.colors[p]], 1)
        self.cost[at] = np.linalg.norm(differs, axis=2).sum(1)

    def _shown(self, images: list[Tensor], points: Indices, label: Indices) -> NDArray[np.float32]:
        """Sample the colours (M, 3) at the ground's points `points` (M,), of what `label` (M,) lies there."""
        found = np.empty((len(points), 3), np.float32)
        under = label == BENEATH
        if self.beneath is not None:
            found[under] = self.beneath.colors[points[under]]
        found[~under] = self.pieces.shown(images, self.ground.points[points[~under]], label[~under])
        return found

    def _fit(
        self,
        which: int,
        middle: NDArray[np.float64],
        flat: NDArray[np.float64],
        inside: Indices,
        known: NDArray[np.bool_],
        sight: NDArray[np.float64],
        margin: float,
    ) -> tuple[NDArray[np.float64], float]:
        """Find the place in the exemplar, and the turn, that fit best at points `inside` (n,), where `known`.

        middle (3,): the piece's; flat (n, 2): where these are; sight (N,): how near the pieces so far are;
        margin: radii from the exemplar's edge.
        """
        sides, colors = sides_of(self.images[which]), self.colors[inside]
        least = np.minimum(margin * self.ground.share, sides / 2)
        near = self.pieces.exemplars == which
        wanted = self.random.permutation(np.flatnonzero(known))[:COMPARED]
        some = self.random.permutation(len(flat))[: COMPARED // 4]

        def worse(places: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
            cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]

            def turned(x: NDArray[np.float64]) -> NDArray[np.float64]:
                turned_x, turned_y = cosine * x[:, 0] - sine * x[:, 1], sine * x[:, 0] + cosine * x[:, 1]
                return np.stack([turned_x, turned_y], 2) + places[:, None]

            at = turned(flat[some])
            found = OUTSIDE * ((at < 0) | (at > sides)).any(2).mean(1) + TURNING * np.abs(angles) / TURN
            apart = np.square(places[:, None] - self.pieces.places[near]).sum(2)
            found += REUSE * (np.exp(-apart / (2 * (SAME * self.ground.share) ** 2)) * sight[near]).sum(1)
            at = turned(flat[wanted]).reshape(-1, 2)
            seen = sampled(self.small, np.full(len(at), which), at).reshape(len(places), -1, 3)
            found += np.square(seen - colors[wanted]).sum(2).mean(1) / self.variance
            return np.asarray(found, np.float64)

        used = self._used(which, near, sight, least) + self._out_of_step(which, middle) + self.rare[which]
        if self.beneath is not None:
            used = used + self._unlike(which, flat, inside)
        worth, places, angles = self._good(which, flat, colors, known, 0.0, used)
        if not len(wanted) or self.beneath is not None:  # what is looked like tells places apart
            return self._snapped(which, places[:1])[0], 0.0
        most = TURN if self.ground.steps is None else 0.0
        if most and worth[0] > FITS:
            tries = [self._good(which, flat, colors, known, turn, used) for turn in TURNS]
            worth, places, angles = (
                np.concatenate(each) for each in zip((worth, places, angles), *tries, strict=True)
            )
            best = worth.argsort()[:BEST]
            places, angles = places[best], angles[best]
        for radius in NEAR:
            shape = len(places), CLOSER
            moved = places[:, None] + self.random.uniform(-radius, radius, (*shape, 2))
            turns = angles[:, None] + self.random.uniform(-2 * radius, 2 * radius, shape)
            moved = np.clip(moved.reshape(-1, 2), least, sides - least)
            places = self._snapped(which, np.concatenate([places, moved]))
            angles = np.concatenate([angles, turns.ravel().clip(-most, most)])
            best = worse(places, angles).argsort()[:BEST]
            places, angles = places[best], angles[best]
        return places[0], float(angles[0])

    def _snapped(self, which: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
        pixels = min(self.images[which].shape[1:])
        return (np.floor(places * pixels) + 0.5) / pixels if self.ground.steps is not None else places

    def _unlike(self, which: int, flat: NDArray[np.float64], inside: Indices) -> NDArray[np.floating]:
        """Map how unlike what lies beneath at points `inside` (n,) each place of an exemplar is: (h, w)."""
        at = np.rint(flat * min(self.small[which].shape[1:])).astype(int)
        differs, _ = misfits(self.soft[which], at, self.like[inside], np.ones(len(inside), bool))
        return LIKE * differs / self.soft_variance

    def _used(
        self, which: int, near: NDArray[np.bool_], sight: NDArray[np.float64], least: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Map how often each place of a small exemplar was taken within sight: (h, w)."""
        rows, columns = lines_of(self.small[which])
        there, spread = self.pieces.places[near], 2 * (SAME * self.ground.share) ** 2
        down, right = (
            np.exp(-np.square(lines[:, None] - there[None, :, k]) / spread)
            for k, lines in ((1, rows), (0, columns))
        )
        used = (REUSE * down * sight[near]) @ right.T + 1e-6 * self.random.random((len(rows), len(columns)))
        used[(rows < least[1]) | (rows > rows[-1] + rows[0] - least[1])] = np.inf
        used[:, (columns < least[0]) | (columns > columns[-1] + columns[0] - least[0])] = np.inf
        return used

    def _out_of_step(self, which: int, middle: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map where a regular exemplar would be out of step, were `middle` (3,) there: (h, w), or 0."""
        if self.ground.steps is None or not (steps := self.ground.steps[which]).any():
            return np.zeros(())
        has = np.any(steps, axis=1)
        steps = np.where(has.reshape(2, 1), steps, np.eye(2))
        rows, columns = (lines * self.ground.spans[which] for lines in lines_of(self.small[which]))
        there = np.stack(np.meshgrid(columns, rows), 2) - middle[:2]
        counts = there @ np.linalg.inv(steps)
        away = np.abs(counts - np.round(counts))
        allowed = np.maximum(IN_STEP, 0.7 * columns[0] * 2 / np.abs(np.diag(steps)))
        return np.asarray(OUT_OF_STEP * ((away > allowed) & has).any(2), np.float64)

    def _good(
        self,
        which: int,
        flat: NDArray[np.float64],
        colors: NDArray[np.float32],
        known: NDArray[np.bool_],
        turn: float,
        used: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Find the BEST places of an exemplar for a piece that is turned by `turn`, of them all.

        Gives how much worse than perfect they are (B,), the places (B, 2), and for each the turn (B,).
        """
        rows, columns = lines_of(self.small[which])
        cosine, sine = np.cos(turn), np.sin(turn)
        turned = flat @ np.array([[cosine, sine], [-sine, cosine]])
        at = np.rint(turned * min(self.small[which].shape[1:])).astype(int)
        differs, outside = misfits(self.searched[which], at, colors, known)
        worse = used + differs / self.variance + OUTSIDE * outside + TURNING * abs(turn) / TURN
        lows = np.flatnonzero((worse == minimum_filter(worse, 3)) & np.isfinite(worse))
        lows = lows[worse.flat[lows].argsort()[:BEST]]
        y, x = np.divmod(lows, worse.shape[1])
        return worse.flat[lows], np.stack([columns[x], rows[y]], 1), np.full(len(lows), turn)

    def _tones(self) -> NDArray[np.float64]:
        """Find what to add to the points' colours, (P, 3), so that tones pass softly across cuts."""
        p, q = self.pairs.T
        shown = np.stack([self.colors[q], self.colors[p]], 1)
        step = (self.across[:, 1] - shown[:, 1] - self.across[:, 0] + shown[:, 0]) / 2
        step = step * np.minimum(1, MOST_STEP / np.maximum(np.linalg.norm(step, axis=1), 1e-9))[:, None]
        each = np.arange(len(p))
        signs = np.repeat([1.0, -1.0], len(p))
        rises = coo_array(
            (signs, (np.tile(each, 2), np.concatenate([p, q]))), (len(p), len(self.points))
        ).tocsr()
        system = (rises.T @ rises + eye_array(len(self.points)) * (4 / SOFT**2)).tocsr()
        tones = [cg(system, rises.T @ step[:, k], rtol=1e-2)[0] for k in range(3)]
        return np.stack(tones, 1, dtype=np.float64)

    def colored(self) -> Tensor:
        """Show the pieces at all points of the ground: (3, U)."""
        ground, tones = self.ground, self._tones()
        colors = torch.empty(3, len(ground.points))
        for rows in chunks(len(ground.points)):
            away, index = self.tree.query(ground.embedded[rows], SHARING, workers=-1)
            weight = np.exp(-np.square(away * ground.across / 0.6) / 2) + 1e-12
            label = self.label[index]
            first, here = label[:, 0], np.arange(rows.start, rows.stop)
            found = self._shown(self.images, here, first)
            found += ((weight / weight.sum(1, keepdims=True))[..., None] * tones[index]).sum(1)
            mixed = np.flatnonzero((label != first[:, None]).any(1))
            found[mixed] = self._mixed(label[mixed], weight[mixed], tones[index[mixed]], here[mixed])
            colors[:, rows] = torch.from_numpy(found).T
        if self.beneath is not None:
            return colors.clamp(0, 1)
        least = torch.stack([image.amin((1, 2)) for image in self.images]).amin(0)
        most = torch.stack([image.amax((1, 2)) for image in self.images]).amax(0)
        return colors.clamp(least[:, None], most[:, None])

    def _mixed(
        self, label: Indices, weight: NDArray[np.float64], tones: NDArray[np.float64], points: Indices
    ) -> NDArray[np.float32]:
        """Mix the colours (M, 3) at points (M,) of the two pieces that weigh most among labels (M, k)."""
        share = (weight[:, None] * (label[:, None] == label[:, :, None])).sum(2)
        each = np.arange(len(label))
        first = label[each, share.argmax(1)]
        share = np.where(label == first[:, None], -1, share)
        second = np.where(share.max(1) > 0, label[each, share.argmax(1)], first)
        found, total = np.zeros((len(label), 3), np.float32), np.zeros((len(label), 1))
        for piece in (first, second):
            mine = weight * (label == piece[:, None])
            tone = (mine[..., None] * tones).sum(1) / mine.sum(1, keepdims=True)
            sharp = np.square(mine.sum(1, keepdims=True))
            found += (self._shown(self.images, points, piece) + tone) * sharp
            total += sharp
        return np.asarray(found / total, np.float32)


def around(tree: cKDTree, values: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Average `values` (P, C) over the points of `tree` within `radius` of each: (P, C)."""
    p, q = tree.query_pairs(radius, output_type="ndarray").T
    count = len(values)
    total = 1.0 + np.bincount(p, minlength=count) + np.bincount(q, minlength=count)
    sums = [
        column + np.bincount(p, column[q], count) + np.bincount(q, column[p], count) for column in values.T
    ]
    return np.asarray(np.stack(sums, 1) / total[:, None])
