"""What is kept of a view: features and colours where the original has contrast, elsewhere hardly any."""

from __future__ import annotations

import pytest
import torch

from backend.objectives.landmarks import FULL_CONTRAST, contrast_of, landmark_error, landmarks_of

SIDE = 112  # of the views, four pixels for each area whose colour is kept
WIDTH = 110.0  # pixels that a style spans: details of 3 and 5 pixels count


def view(left: float = 0.5) -> torch.Tensor:
    """(1, 3, SIDE, SIDE): plain, with a checkerboard of single pixels on its right half."""
    image = torch.full((1, 3, SIDE, SIDE), left)
    board = (torch.arange(SIDE)[:, None] + torch.arange(SIDE // 2)) % 2
    image[..., SIDE // 2 :] = board.float()
    return image


def whole() -> torch.Tensor:
    return torch.ones(1, SIDE, SIDE)


def features_of(image: torch.Tensor) -> torch.Tensor:
    """(1, 3, SIDE / 4, SIDE / 4): as a layer would be, of fewer units."""
    return 0.1 + torch.nn.functional.avg_pool2d(image, 4)


def test_contrast_is_the_deviation_of_colours_around():
    found = contrast_of(0.25 * view(0.5), whole(), WIDTH)
    assert not found[..., 4 : SIDE // 2 - 4].any()
    # Four or five of nine pixels are bright, so the variance is 20/81 of 0.25², in three channels.
    expected = (3 * 20 / 81 * 0.25**2) ** 0.5 / FULL_CONTRAST
    assert found[..., 4:-4, SIDE // 2 + 4 : -4].min() > 0.95 * expected
    assert found.max() <= 1


def test_what_lies_outside_the_object_is_no_contrast():
    mask = whole()
    mask[..., SIDE // 2 :] = 0
    assert not contrast_of(view(), mask, WIDTH).any()


def test_nothing_has_left_what_is_kept_at_first():
    image, mask = view(), whole()
    kept = landmarks_of(features_of(image), image, contrast_of(image, mask, WIDTH), mask)
    assert landmark_error(features_of(image), image, mask, kept).item() == pytest.approx(0, abs=1e-9)


def test_a_landmark_is_kept_more_than_a_plain_place():
    image, mask = view(), whole()
    kept = landmarks_of(features_of(image), image, contrast_of(image, mask, WIDTH), mask)

    def error(columns: slice) -> float:
        changed = image.clone()
        changed[..., columns] += 0.1
        return landmark_error(features_of(changed), changed, mask, kept).item()

    plain, marked = error(slice(8, 24)), error(slice(SIDE - 24, SIDE - 8))
    assert marked > 5 * plain > 0


def test_of_half_a_view_half_as_many_areas_are_held_as_closely():
    """The part that the object is in, with areas as large: colours that changed weigh as they did."""
    image, mask = view(), whole()
    mask[:, : SIDE // 2] = 0
    changed = image.clone()
    changed[..., SIDE // 2 + 8 :, :] += 0.1
    errors = []
    for rows, areas in ((slice(None), (28, 28)), (slice(SIDE // 2, None), (14, 28))):
        before, after, here = image[..., rows, :], changed[..., rows, :], mask[:, rows]
        kept = landmarks_of(features_of(before), before, contrast_of(before, here, WIDTH), here, areas)
        assert kept.colors.shape[2:] == areas
        errors.append(landmark_error(features_of(before), after, here, kept).item())
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)
    assert errors[0] > 0.01


def test_what_is_outside_the_mask_is_not_kept():
    image, mask = view(), whole()
    mask[..., :40] = 0
    kept = landmarks_of(features_of(image), image, contrast_of(image, mask, WIDTH), mask)
    shown = image.clone().requires_grad_()
    with torch.no_grad():
        shown += 0.1 * torch.rand(shown.shape, generator=torch.Generator().manual_seed(0))
    landmark_error(features_of(shown), shown, mask, kept).backward()
    assert not shown.grad[..., :40].any()
    assert shown.grad[..., 44:].abs().sum() > 0


def test_of_strokes_larger_than_the_view_contrast_is_the_deviation_within_the_mask():
    image = 0.2 * torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    mask = whole()
    mask[:, :40] = 0
    inside = image[0, :, 40:].flatten(1)
    deviation = inside.var(1, unbiased=False).sum().sqrt()
    found = contrast_of(image, mask, 1e12)
    assert not found[:, :, :40].any()
    expected = (deviation / FULL_CONTRAST).expand(SIDE - 40, SIDE)
    torch.testing.assert_close(found[0, 0, 40:], expected, atol=1e-3, rtol=0)
