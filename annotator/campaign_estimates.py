"""Estimates of everything a campaign asks: of each part's answers, and of combinations of several parts'."""

from collections.abc import Sequence
from dataclasses import replace

from annotator.inference.estimate import Estimate, Question
from annotator.inference.methods import DEFAULT_METHODS, estimate
from annotator.inference.rectify import Round
from annotator.sampling.campaign import Campaign, Gold, Inquiry


def campaign_estimates(
    campaign: Campaign,
    rounds: Sequence[Sequence[Round]],
    gold: Gold,
    question: Question,
    methods: Sequence[str] = DEFAULT_METHODS,
) -> list[Estimate]:
    """The estimates after some rounds.

    Parameters
    ----------
    campaign : Campaign
    rounds : sequence of sequences of Round
        For each part.
    gold : sequence of (N,) arrays of int
        For each part.
    question : Question
        Its ``codes`` are those of each inquiry.
    methods : sequence of str

    Raises
    ------
    EstimateRefusedError
        As `estimate` does.
    """
    said = [part.signals.labels[:, 0] for part in campaign.parts]
    return [
        row
        for inquiry in campaign.inquiries
        if inquiry.estimands
        for row in estimate(
            combined_rounds(inquiry, rounds),
            campaign.combined(inquiry, gold),
            inquiry.estimands,
            replace(question, codes=inquiry.codes),
            machine_labels=campaign.combined(inquiry, said),
            methods=methods,
        )
    ]


def combined_rounds(inquiry: Inquiry, rounds: Sequence[Sequence[Round]]) -> list[Round]:
    """The rounds of all parts, (R,) each, as rounds of an inquiry's answers, predicted as if independent.

    Predictions may be wrong without harm to validity, so that codes which go together cost width alone.
    """
    return [
        replace(of[0], prediction=inquiry.expected([each.prediction for each in of]))
        for of in zip(*rounds, strict=True)
    ]
