"""Which quantity a column holds, by its name: ``Eval/Loss``, ``train/tokens`` and ``n_params`` are loss, D and N."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bayescale.basics.wording import columns_are, listed
from bayescale.data.tables import missing_column
from bayescale.data.units import Unit, unit_of


@dataclass(frozen=True)
class Meaning:
    """What a column's name says.

    Attributes
    ----------
    role : str
        The quantity by our name.
    rank : int
        How plainly the name says so: 0 for the bare quantity, 1 for one of its kinds, 2 for a hint.
    unit : Unit, optional
        The unit that the name ends in.
    """

    role: str
    rank: int
    unit: Unit | None = None


_BRACKET = re.compile(r"(.*?)\s*[(\[{]\s*([^()\[\]{}]+?)\s*[)\]}]\s*")
_TRACKERS = re.compile(r"(?:params|metrics|tags|config|summary|hparams|_?wandb)[./](?=.)")
_COUNTING = frozenset({"num", "number", "nr", "n", "of", "count", "counts", "total", "the"})
_TRAINING = frozenset({"train", "training", "trained", "pretrain", "pretraining"})
_SEEN = frozenset({"seen", "consumed", "processed", "input", "so", "far", "data", "budget", "used"})
_WITHOUT = frozenset({"non", "no", "not", "without", "excluding", "excl", "ex", "with", "including", "incl", "w", "wo"})
_EMBEDDING = frozenset({"embedding", "embeddings", "embed", "embeds", "emb", "nonembedding", "nonembed", "nonemb"})
_MEASURED = frozenset(
    [
        "val",
        "valid",
        "validation",
        "eval",
        "evaluation",
        "test",
        "dev",
        "heldout",
        "held",
        "out",
        "final",
        "last",
        "best",
        "min",
        "minimum",
        "lowest",
        "lm",
        "mean",
        "avg",
        "average",
        "end",
        "eventual",
    ]
)
_LOSS = frozenset({"loss", "nll", "xent", "crossentropy", "ce", "celoss"})
_KERNELS = {
    "accuracy": frozenset({"accuracy", "acc"}),
    "error": frozenset({"error", "err"}),
    "perplexity": frozenset({"perplexity", "ppl"}),
    "elo": frozenset({"elo"}),
}
CHOICES = {
    "mmlu_pro": 10,
    **dict.fromkeys(("mmlu", "hellaswag", "arc_easy", "arc_challenge", "arc_e", "arc_c", "openbookqa", "sciq"), 4),
    **dict.fromkeys(("race", "logiqa", "gpqa"), 4),
    "commonsenseqa": 5,
    **dict.fromkeys(("piqa", "winogrande", "boolq", "copa", "rte", "wsc"), 2),
}
"""Number of choices of multiple-choice tasks, as their papers state them; a longer name stands before one within it."""
COMMON = ("race", "copa", "rte", "wsc")
"""Names of tasks that are words of their own, and say nothing in the name of a file."""
RUN_NAMES = ("run", "runid", "runname", "trainingrun", "trainrun", "trialid", "jobid", "name")
"""Names of the column that says which rows are of one training run, the surest first."""


def plain(name: str) -> str:
    """A name without case and separators.

    Examples
    --------
    >>> plain("Eval/Loss") == plain("eval_loss") == plain("evalLoss")
    True
    """
    return "".join(words_of(name)) or name


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters.

    Examples
    --------
    >>> words_of("train/numTokens"), words_of("acc (%)")
    (['train', 'num', 'tokens'], ['acc', '%'])
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=[A-Z])", " ", name)
    return [word.lower() for word in re.findall(r"10\^\d+|1e\+?\d+|[A-Za-z0-9]+|%", apart)]


def meaning(name: str) -> Meaning | None:
    """What a column's name says that it holds; None if it says nothing that is known.

    Examples
    --------
    >>> meaning("Eval/Loss"), meaning("n_params")
    (Meaning(role='loss', rank=1, unit=None), Meaning(role='N', rank=0, unit=None))
    >>> meaning("params (M)").unit.scale, meaning("tokens_per_second")
    (1000000.0, None)
    """
    name = _TRACKERS.sub("", name.strip(), count=1)
    match = _BRACKET.fullmatch(name)
    base, inside = (match[1], match[2]) if match else (name, None)
    words = words_of(base)
    if inside is not None:
        unit = unit_of(words_of(inside))
        if unit is None:
            words += words_of(inside)
        else:
            return _with_unit(words, unit, base.strip(), sure=True)
    found = _role(words, base.strip())
    if found is not None:
        return found
    for n in range(min(4, len(words)), 0, -1):
        for part, rest in ((words[-n:], words[:-n]), (words[:n], words[n:])):
            unit = unit_of(part)
            if unit is not None and unit.words and (found := _with_unit(rest, unit, _first_word(base))):
                return found
    return None


def _first_word(base: str) -> str:
    return re.split(r"[^A-Za-z0-9]", base)[0]


def _with_unit(words: list[str], unit: Unit, spelt: str, *, sure: bool = False) -> Meaning | None:
    """What words mean of a quantity in a unit, if it can have that unit."""
    if unit.kind == "FLOP" and not set(words) - _TRAINING - _COUNTING - {"budget", "compute", "flop", "flops", "c"}:
        # GFLOP alone may be per second.
        of_run = bool(words) or unit.scale == 1 or unit.words.endswith("days")
        return Meaning("C", 0 if of_run else 2, unit)
    found = _role([*words, "loss"] if unit.kind == "loss" and not _LOSS & set(words) else words, spelt)
    if found is None:
        return None
    kinds = {"N": "count", "D": "count", "U": "count", "C": "FLOP", "accuracy": "share", "error": "share"}
    fits = kinds.get(found.role, found.role) == unit.kind or (found.role == "C" and unit.kind == "count")
    # A unit in brackets is one, but the letters of d_k may be a name.
    rank = min(found.rank, 1) if sure and unit.words else found.rank
    return Meaning(found.role, rank, unit if unit.words else None) if fits else None


def _role(words: list[str], spelt: str) -> Meaning | None:
    if not words:
        return None
    joined, rest = "".join(words), set(words)
    if len(words) == 1 and joined in {"n", "d", "c", "u"}:
        return Meaning(joined.upper(), 0 if spelt.isupper() else 2)
    if joined in RUN_NAMES:
        return Meaning("run", RUN_NAMES.index(joined))
    if found := _sized(words, rest, joined):
        return found
    return _measured(rest, joined) or _task(words)


def _sized(words: list[str], rest: set[str], joined: str) -> Meaning | None:
    if joined in {"modelsize", "datasetsize", "datasize", "budget"}:
        return Meaning({"m": "N", "d": "D", "b": "C"}[joined[0]], 2)
    bare = rest - _COUNTING
    qualified = bare & (_EMBEDDING | _WITHOUT | {"active", "activated", "trainable", "model", "n"})
    core = bare - qualified
    parameters = {"params", "param", "parameters", "parameter", "nparams", "nparam", "nparameters", "numparams"}
    embedding = rest & _EMBEDDING
    if (len(core) == 1 and core <= parameters) or (not core and words[0] == "n" and qualified - {"n"}):
        if embedding and not (rest & _WITHOUT or any(word.startswith("non") for word in embedding)):
            return None  # parameters of the embedding alone
        return Meaning("N", 1 if qualified - {"model"} or "total" in rest else 0)
    tokens = bare - _TRAINING - _SEEN
    if tokens and tokens <= {"tokens", "token", "ntokens", "numtokens", "toks"}:
        return Meaning("D", 0 if not bare & {"input", "budget"} else 1)
    if tokens & {"unique", "distinct"} and tokens - {"unique", "distinct"} <= {"tokens", "ntokens", "toks"}:
        return Meaning("U", 0)
    compute = bare - _TRAINING - {"budget"}
    if compute and compute <= {"flops", "flop", "flos", "compute", "nflops", "totalflops", "totalflos"}:
        return Meaning("C", 0)
    return None


def _measured(rest: set[str], joined: str) -> Meaning | None:
    core = rest - _MEASURED - _TRAINING
    if "crossentropy" in joined:
        core = core - {"cross", "entropy"} | {"loss"}
    if core and core <= _LOSS:
        return Meaning("loss", 0 if joined == "loss" else 1)
    for role, kernel in _KERNELS.items():
        if core and core - {"rate", "top1", "top"} <= kernel and core & kernel:
            return Meaning(role, 0 if joined == role else 1)
    return None


def _task(words: list[str]) -> Meaning | None:
    """A multiple-choice task alone, whose score is its accuracy, such as ``mmlu`` or ``arc_challenge_5shot``."""
    beside = _KERNELS["accuracy"] | _MEASURED
    name = "_".join(each for each in words if each not in beside and not re.fullmatch(r"\d+|\d*shot", each))
    return Meaning("accuracy", 1) if name in CHOICES and name not in COMMON else None


_SCORES = frozenset(
    ["accuracy", "acc", "top1", "top5", "f1", "em", "bleu", "chrf", "rouge", "rougel", "meteor", "auc", "auroc"]
) | frozenset(["iou", "miou", "map", "glue", "superglue", "winrate", "passrate", "successrate", "percent", "%"])
_RATES = frozenset({"win", "pass", "success", "solve", "match"})


def bounded(name: str) -> bool:
    """Whether a name is that of a score with a largest value, 1 or 100.

    Examples
    --------
    >>> bounded("BLEU"), bounded("win_rate"), bounded("pass@1"), bounded("reward")
    (True, True, True, False)
    """
    words = set(words_of(name))
    return bool(words & _SCORES) or bool(words & _RATES and words & {"rate", "1", "10", "100", "exact"})


def standard_error_of(name: str, outcome: str) -> bool:
    """Whether a column gives the standard error of an outcome's column, by its name.

    Examples
    --------
    >>> standard_error_of("val_loss_stderr", "val_loss"), standard_error_of("val_loss_std", "val_loss")
    (True, False)
    """
    return plain(name) in {plain(outcome) + end for end in ("se", "stderr", "sem", "standarderror")}


def fitting(role: str, names: Iterable[str]) -> list[tuple[str, Meaning]]:
    """Columns that may hold a quantity, those with the plainest names only."""
    found = [(name, meant) for name in names if (meant := meaning(name)) is not None and meant.role == role]
    lowest = min((meant.rank for _, meant in found), default=0)
    return [(name, meant) for name, meant in found if meant.rank == lowest]


OTHERS = tuple(f"other_{place}" for place in range(1, 5))
"""Shares of other domains in the training data, as the law of one domain's loss reads them."""
_SHARE = re.compile(r"share_(.+)|(p\d+)")
LOSS_OF_DOMAIN = re.compile(r"loss_.+|loss\d+")


def share_of(domain: str) -> str:
    """Column of a domain's share of the training data.

    Examples
    --------
    >>> share_of("web"), share_of("p1")
    ('share_web', 'p1')
    """
    return domain if re.fullmatch(r"p\d+", domain) else f"share_{domain}"


def loss_of(domain: str) -> str:
    """Column of a domain's loss.

    Examples
    --------
    >>> loss_of("web"), loss_of("p1")
    ('loss_web', 'loss1')
    """
    return f"loss{domain[1:]}" if re.fullmatch(r"p\d+", domain) else f"loss_{domain}"


def domains_in(columns: Iterable[str]) -> tuple[str, ...]:
    """Domains of whose shares a table has columns, in alphabetical order; none unless some of them have a loss.

    Examples
    --------
    >>> domains_in(["N", "share_web", "share_code", "loss_web", "loss_code"]), domains_in(["N", "p1", "p2", "loss"])
    (('code', 'web'), ())
    """
    names = set(columns)
    named = {match[1] or match[2] for name in names if (match := _SHARE.fullmatch(name))}
    found = sorted(domain for domain in named if share_of(domain) in names)
    return tuple(found) if len(found) > 1 and any(loss_of(domain) in names for domain in found) else ()


def missing_outcome(name: str, columns: Iterable[str], source: str) -> str:
    """Message for a table without the outcome, with the column that is probably meant."""
    columns = [str(column) for column in columns]
    if domains := domains_in(columns):
        first = next(loss_of(domain) for domain in domains if loss_of(domain) in columns)
        return (
            f"{source}: is a table of mixtures of {listed(domains)}: fit, predict and tradeoff mixture read it "
            f"by law 'data_mixture', or fit_domains in Python; for one loss alone add {columns_are(loss=first)}"
        )
    if name == "loss" and (others := fitting("perplexity", columns)):
        theirs, _ = others[0]
        return (
            f"{source}: no column 'loss', but {theirs!r} is perplexity: add {columns_are(loss=f'log({theirs})')} for "
            "nats per token, or leave the outcome out, since laws of loss serve perplexity"
        )
    message = missing_column(name, columns, source)
    unknown = message.endswith(f"add {columns_are(loss='COLUMN')}")
    other = columns_are(x="COLUMN", y="COLUMN")
    return message + f", or for a score or any other outcome {other}" * unknown
