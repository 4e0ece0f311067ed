"""The four limb leads that follow from I and II (Einthoven, Goldberger), where the source left them out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ologies.ecg.leads import MEASURED, READING_ORDER
from ologies.ecg.signal import Channel, Group

#: Twice the lead, as whole counts of I and II: half counts would not be whole.
_TWICE = {
    "III": (-2, 2, "III = II - I"),
    "aVR": (-1, -1, "aVR = -(I + II) / 2"),
    "aVL": (2, -1, "aVL = I - II / 2"),
    "aVF": (-1, 2, "aVF = II - I / 2"),
}


def with_limb_leads(group: Group) -> Group:
    """The same with all twelve, in the order that people read; as it is unless the eight are there."""
    channels = {each.lead: each for each in group.channels}
    if set(channels) != MEASURED:
        return group
    one, two = channels["I"], channels["II"]
    if (one.microvolts_per_count, one.baseline_uv) != (two.microvolts_per_count, two.baseline_uv):
        return group
    if one.baseline_uv:
        return group
    for lead, (of_one, of_two, words) in _TWICE.items():
        channels[lead] = replace(
            one,
            lead=lead,
            counts=of_one * one.counts + of_two * two.counts,
            microvolts_per_count=one.microvolts_per_count / 2,
            is_missing=_either(one, two),
            derived_from=words,
        )
    return replace(group, channels=[channels[lead] for lead in READING_ORDER])


def _either(one: Channel, two: Channel) -> NDArray[np.bool_] | None:
    found = [each.is_missing for each in (one, two) if each.is_missing is not None]
    return np.logical_or.reduce(found) if found else None
