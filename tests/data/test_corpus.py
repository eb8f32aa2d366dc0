"""Tables as people have them: what comes out of each, or the line that refuses it."""

import gzip

import numpy as np
import pytest

from bayescale.basics.errors import RunsError
from bayescale.data.runs import Runs

N, D, LOSS = [7e7, 4e8, 1.4e9], [1.4e9, 8e9, 2.8e10], [3.55, 2.95, 2.55]
C = [6 * n * d for n, d in zip(N, D, strict=True)]
GOOD = {"N": N, "D": D, "loss": LOSS}


def table(head, *rows, sep=","):
    """Text of a table, whose rows are given as text with columns separated by spaces."""
    return "\n".join([head, *(sep.join(row.split()) for row in rows)]) + "\n"


ROWS = ("70000000 1400000000 3.55", "400000000 8000000000 2.95", "1400000000 28000000000 2.55")
MILLIONS = ("70 1.4 3.55", "400 8 2.95", "1400 28 2.55")

# Each: file, content, what is asked for, what comes out, and what the first note says.
READ = {
    # ------------------------------------------------------------------------------------------- layouts of text
    "our schema": ("a.csv", table("N,D,loss", *ROWS), {}, GOOD, None),
    "semicolons": ("a.csv", table("N;D;loss", *ROWS, sep=";"), {}, GOOD, "separated by semicolons"),
    "semicolons and decimal commas": (
        "a.csv",
        table("N;D;loss", "7e7 1,4e9 3,55", "4e8 8e9 2,95", "1,4e9 2,8e10 2,55", sep=";"),
        {},
        GOOD,
        "decimal commas in loss",
    ),
    "decimal commas of three digits": (
        "a.csv",
        table("N;D;loss", "7e7 1.4e9 3,550", "4e8 8e9 2,950", "1.4e9 2.8e10 2,550", sep=";"),
        {},
        GOOD,
        "decimal commas in loss",
    ),
    "thousands by points": (
        "a.csv",
        table(
            "N;D;loss",
            "70.000.000 1.400.000.000 3,55",
            "400.000.000 8.000.000.000 2,95",
            "1.400.000.000 2,8e10 2,55",
            sep=";",
        ),
        {},
        GOOD,
        "decimal commas in loss",
    ),
    "thousands by commas": (
        "a.csv",
        'N,D,loss\n"70,000,000","1,400,000,000",3.55\n"400,000,000",8e9,2.95\n"1,400,000,000",28e9,2.55\n',
        {},
        GOOD,
        "thousands separators in N",
    ),
    "thousands by spaces": (
        "a.csv",
        "N;D;loss\n70 000 000;1 400 000 000;3,55\n400 000 000;8 000 000 000;2,95\n1 400 000 000;28 000 000 000;2,55\n",
        {},
        GOOD,
        "thousands separators in D",
    ),
    "tabs": ("a.tsv", table("N\tD\tloss", *ROWS, sep="\t"), {}, GOOD, "separated by tabs"),
    "tabs in a csv": ("a.csv", table("N\tD\tloss", *ROWS, sep="\t"), {}, GOOD, "separated by tabs"),
    "spaces": ("a.dat", "N   D  loss\n" + "\n".join(ROWS) + "\n", {}, GOOD, "separated by spaces"),
    "header in a comment": ("a.txt", "# run 3\n# N D loss\n" + "\n".join(ROWS), {}, GOOD, "separated by spaces"),
    "comments": (
        "a.csv",
        f"# by me, in May\n\nN,D,loss\n{','.join(ROWS[0].split())}\n# second batch\n"
        + table(",".join(ROWS[1].split()), ROWS[2]),
        {},
        GOOD,
        None,
    ),
    "hint of Excel": ("a.csv", "sep=;\n" + table("N;D;loss", *ROWS, sep=";"), {}, GOOD, "semicolons"),
    "Markdown": (
        "a.md",
        "| N | D | loss |\n|---|:-:|--:|\n" + "\n".join("| " + " | ".join(row.split()) + " |" for row in ROWS),
        {},
        GOOD,
        "separated by bars",
    ),
    "byte order mark and Windows": ("a.csv", "\ufeff" + table("N,D,loss", *ROWS).replace("\n", "\r\n"), {}, GOOD, None),
    "Unicode text of Excel": ("a.txt", table("N\tD\tloss", *ROWS, sep="\t").encode("utf-16"), {}, GOOD, "tabs"),
    "suffixes": ("a.csv", table("N,D,loss", "70M 1.4B 3.55", "400M 8B 2.95", "1.4B 28B 2.55"), {}, GOOD, None),
    "suffixes in words": (
        "a.csv",
        "N,D,loss\n70m,1.4b tokens,3.55\n400 million,8 bn,2.95\n1.4B params,28 Billion tokens,2.55\n",
        {},
        GOOD,
        None,
    ),
    "row labels": (
        "a.csv",
        ",N,D,loss\n" + "".join(f"{i},{','.join(row.split())}\n" for i, row in enumerate(ROWS)),
        {},
        GOOD,
        None,
    ),
    "title above the header": (
        "a.csv",
        "Runs of May\n\n" + table("N,D,loss", *ROWS),
        {},
        GOOD,
        "1 line above the header left out",
    ),
    "CSV of Excel in the West": (
        "a.csv",
        table("N;D;loss;größe", "7e7 1,4e9 3,55 klein", "4e8 8e9 2,95 groß", sep=";").encode("cp1252"),
        {},
        {"N": N[:2], "loss": LOSS[:2], "größe": ["klein", "groß"]},
        "Windows-1252 text; columns separated by semicolons",
    ),
    "as R writes it": (
        "a.txt",
        '"N" "D" "loss"\n' + "".join(f'"{i + 1}" {row}\n' for i, row in enumerate(ROWS)),
        {},
        GOOD,
        "separated by spaces",
    ),
    "as pandas prints it": (
        "a.txt",
        "            N            D  loss\n" + "".join(f"{i}  {row}\n" for i, row in enumerate(ROWS)),
        {},
        GOOD,
        "separated by spaces",
    ),
    "gzip": ("a.csv.gz", gzip.compress(table("N,D,loss", *ROWS).encode()), {}, GOOD, None),
    "gzip of JSON": (
        "a.gz",
        gzip.compress(b'[{"N":7e7,"D":1.4e9,"loss":3.55}]'),
        {},
        {"N": [7e7], "loss": [3.55]},
        None,
    ),
    "no ending": ("table", table("N,D,loss", *ROWS), {}, GOOD, None),
    # ------------------------------------------------------------------------------------------------------ JSON
    "JSON lines": (
        "a.jsonl",
        '{"N": 7e7, "D": 1.4e9, "loss": 3.55}\n{"N": 4e8, "D": 8e9, "loss": 2.95}\n\n'
        '{"N": 1.4e9, "D": 2.8e10, "loss": 2.55}\n',
        {},
        GOOD,
        None,
    ),
    "JSON array of nested objects": (
        "a.json",
        '[{"model": {"n_params": 70000000}, "train": {"tokens": 1.4e9}, "eval": {"loss": 3.55}},'
        ' {"model": {"n_params": 400000000}, "train": {"tokens": 8e9}, "eval": {"loss": 2.95}}]',
        {},
        {"N": N[:2], "D": D[:2], "loss": LOSS[:2]},
        "model.n_params as N; train.tokens as D",
    ),
    "JSON of columns": ("a.json", '{"N": [7e7, 4e8], "D": [1.4e9, 8e9], "loss": [3.55, 2.95]}', {}, {"N": N[:2]}, None),
    "JSON as pandas writes it": (
        "a.json",
        '{"N":{"0":7e7,"1":4e8},"D":{"0":1.4e9,"1":8e9},"loss":{"0":3.55,"1":2.95}}',
        {},
        {"N": N[:2]},
        None,
    ),
    "JSON split": (
        "a.json",
        '{"columns":["N","D","loss"],"index":[0],"data":[[7e7,1.4e9,3.55]]}',
        {},
        {"loss": [3.55]},
        None,
    ),
    "JSON of runs by name": (
        "a.json",
        '{"small": {"params": 7e7, "tokens": 1.4e9, "loss": 3.55}, '
        '"large": {"params": 4e8, "tokens": 8e9, "loss": 2.95}}',
        {},
        {"N": N[:2], "loss": LOSS[:2], "run": ["small", "large"]},
        "params as N",
    ),
    "one summary": ("a.json", '{"params": 7e7, "tokens": 1.4e9, "loss": 3.55, "_step": 5}', {}, {"N": [7e7]}, None),
    # ----------------------------------------------------------------------------------------------------- names
    "names of a Trainer": (
        "a.csv",
        table("num_params,num_input_tokens_seen,eval_loss", *ROWS),
        {},
        GOOD,
        "eval_loss as loss",
    ),
    "names with slashes": (
        "a.csv",
        table("model/n_params,train/tokens,Eval/Loss", *ROWS),
        {},
        GOOD,
        "Eval/Loss as loss",
    ),
    "names in words": (
        "a.csv",
        table("Parameters,Training tokens,Validation loss", "70M 1.4B 3.55"),
        {},
        {"N": [7e7]},
        None,
    ),
    "names in camel case": ("a.csv", table("nParams,trainTokens,valLoss", *ROWS), {}, GOOD, "nParams as N"),
    "names of MLflow": (
        "a.csv",
        table(
            "run_id,params.n_params,params.lr,metrics.tokens,metrics.val_loss",
            "a 7e7 .1 1.4e9 3.55",
            "b 4e8 .1 8e9 2.95",
        ),
        {},
        {"N": N[:2], "D": D[:2], "loss": LOSS[:2]},
        "metrics.val_loss as loss",
    ),
    "compute by name": (
        "a.csv",
        table("params,total_flos,loss", "7e7 5.88e17 3.55", "4e8 1.92e19 2.95"),
        {},
        {"C": C[:2], "D": D[:2]},
        "total_flos as C",
    ),
    "a column of the same numbers": (
        "a.csv",
        table("params,n_params,tokens,loss", "7e7 7e7 1.4e9 3.55"),
        {},
        {"N": [7e7], "D": [1.4e9]},
        "params as N",
    ),
    "parameters without embeddings": (
        "a.csv",
        table("non_embedding_params,tokens,loss", *ROWS),
        {},
        GOOD,
        "non_embedding_params as N",
    ),
    "the bare name before its kinds": (
        "a.csv",
        table("params,non_embedding_params,tokens,loss", "7e7 5e7 1.4e9 3.55"),
        {},
        {"N": [7e7]},
        "params as N",
    ),
    "asked without regard to case": (
        "a.csv",
        table("Size,Seen Tokens,My Loss".replace(" ", "_"), *ROWS),
        {"columns": {"N": "size", "loss": "my-loss"}},
        GOOD,
        None,
    ),
    "checkpoints by run_id": (
        "a.csv",
        table("run_id,params,tokens,loss", "a 7e7 1e9 3.6", "a 7e7 2e9 3.5", "b 4e8 8e9 2.9"),
        {},
        {"run": ["a", "a", "b"], "N": [7e7, 7e7, 4e8]},
        "checkpoints of one run",
    ),
    "standard errors": (
        "a.csv",
        table("N,D,acc,acc_stderr", "7e7 1e9 .31 .01", "4e8 8e9 .42 .02"),
        {},
        {"accuracy_se": [0.01, 0.02]},
        "acc_stderr as accuracy_se",
    ),
    # ------------------------------------------------------------------------------------- units and arithmetic
    "millions and billions": (
        "a.csv",
        table("params_m,tokens_b,val_loss", *MILLIONS),
        {},
        GOOD,
        "params_m (millions) as N",
    ),
    "units in brackets": (
        "a.csv",
        table("Params (M),Tokens [B],Loss", *MILLIONS),
        {},
        GOOD,
        "Tokens [B] (billions) as D",
    ),
    "units in words": (
        "a.csv",
        table("params_in_millions,tokens (billions),loss", *MILLIONS),
        {},
        GOOD,
        "(millions) as N",
    ),
    "powers of ten": ("a.csv", table("params (1e6),tokens/1e9,loss", *MILLIONS), {}, GOOD, "(1e6) as N"),
    "our names with units": ("a.csv", table("N_M,D (B),loss", *MILLIONS), {}, GOOD, "N_M (millions) as N"),
    "letters that are no unit": (
        "a.csv",
        table("params,d_k,n_b,tokens,loss", "7e7 64 8 1.4e9 3.55", "4e8 128 8 8e9 2.95"),
        {},
        {"N": N[:2], "D": D[:2], "d_k": [64, 128]},
        "read: params as N; tokens as D",
    ),
    "a unit of what was asked for": (
        "a.csv",
        table("params_m,t,loss", *MILLIONS),
        {"columns": {"N": "params_m", "D": "t*1e9"}},
        GOOD,
        "(millions) as N",
    ),
    "arithmetic": (
        "a.csv",
        table("p,t,bpb", "70 1.4 1.28", "400 8 1.06"),
        {"columns": {"N": "p*1e6", "D": "t * 1B", "loss": "bpb*ln2*4"}},
        {"N": N[:2], "D": D[:2], "loss": [1.28 * np.log(2) * 4, 1.06 * np.log(2) * 4]},
        None,
    ),
    "arithmetic over odd names": (
        "a.csv",
        table("size (M),steps,eval/ppl", "70 2670 34.8", "400 15259 19.1"),
        {"columns": {"N": "size (M)*1e6", "D": "steps*524288", "loss": "log(eval/ppl)"}},
        {"N": [7e7, 4e8], "D": [2670 * 524288, 15259 * 524288], "loss": [np.log(34.8), np.log(19.1)]},
        None,
    ),
    "arithmetic over what was inferred": (
        "a.csv",
        table("params,tokens,loss", *ROWS),
        {"columns": {"C": "6*N*D"}},
        {**GOOD, "C": C},
        "params as N",
    ),
    "FLOP by suffix": ("a.csv", table("C,loss", "5.88e17 3.55", "1.92e19 2.95"), {}, {"C": [5.88e17, 1.92e19]}, None),
    "PF-days": (
        "a.csv",
        table("params,pf_days,loss", "7e7 0.0068055556 3.55", "4e8 .22222222 2.95"),
        {},
        {"C": C[:2]},
        "pf_days (PFLOP/s-days) as C",
    ),
    "EFLOP": (
        "a.csv",
        table("N,D,compute (EFLOP),loss", "7e7 1.4e9 .588 3.55", "4e8 8e9 19.2 2.95"),
        {},
        {"C": C[:2]},
        "(EFLOP) as C",
    ),
    "GFLOP beside N and D": (
        "a.csv",
        table("N,D,gflop,loss", "7e7 1.4e9 5.88e8 3.55"),
        {},
        {"C": [5.88e17]},
        "gflop (GFLOP) as C",
    ),
    "throughput is no compute": (
        "a.csv",
        table("N,D,tflops,loss", "7e7 1.4e9 120 3.55", "4e8 8e9 140 2.95"),
        {},
        {"C": C[:2], "tflops": [120, 140]},
        None,
    ),
    "bits per byte by name": (
        "a.csv",
        table("N,D,val_bpb", "7e7 1.4e9 1.28", "4e8 8e9 1.06"),
        {},
        {"loss": [1.28, 1.06]},
        "val_bpb (bits/byte) as loss",
    ),
    "nats by name": ("a.csv", table("N,D,loss (nats)", *ROWS), {}, GOOD, "loss (nats) (nats/token) as loss"),
    "perplexity": (
        "a.csv",
        table("N,D,ppl", "7e7 1.4e9 34.8", "4e8 8e9 19.1"),
        {},
        {"perplexity": [34.8, 19.1]},
        "ppl as perplexity",
    ),
    "accuracy in per cent": (
        "a.csv",
        table("N,D,acc (%)", "7e7 1.4e9 31.5", "4e8 8e9 42"),
        {},
        {"accuracy": [0.315, 0.42]},
        "acc (%) (per cent) as accuracy",
    ),
    "per cent in cells": (
        "a.csv",
        table("N,D,accuracy", "7e7 1.4e9 31.5%", "4e8 8e9 42%"),
        {},
        {"accuracy": [0.315, 0.42]},
        "accuracy in per cent",
    ),
    # ------------------------------------------------------------------------------------------------- bad rows
    "crashed runs left out": (
        "a.csv",
        table("N,D,loss", *ROWS) + "4e8,8e9,\n4e8,8e9,nan\n4e8,0,2.9\n4e8,8e9,diverged\n4e8,8e9,4711\n",
        {"drop_bad": True},
        GOOD,
        "5 of 8 rows left out: row 6 (D: 0.0 is not above zero), rows 4, 5 (loss: '' is a missing value)",
    ),
    "as they are": ("a.csv", table("N,D,loss", "70 1400 3.5", "90 1800 3.4"), {"as_is": True}, {"N": [70, 90]}, None),
    # -------------------------------------------------------------------------------------------------- exports
    "runs of Weights & Biases": (
        "a.csv",
        '"Name","State","Created","n_params","train/tokens","eval/loss","lr"\n'
        '"deft-sun-1","finished","2026-01-02T03:04:05Z","70000000","1400000000","3.55","0.001"\n'
        '"wise-moon-2","crashed","2026-01-02T03:04:05Z","400000000","","","0.001"\n'
        '"calm-sea-3","finished","2026-01-02T03:04:05Z","1400000000","28000000000","2.55","0.0003"\n',
        {"drop_bad": True},
        {"N": [7e7, 1.4e9], "D": [1.4e9, 2.8e10], "loss": [3.55, 2.55]},
        "n_params as N; train/tokens as D",
    ),
    "chart of Weights & Biases": (
        "a.csv",
        '"Step","a - eval/loss","a - eval/loss__MIN","a - eval/loss__MAX","b - eval/loss"\n'
        '"100","4.1","4.1","4.1","3.9"\n"200","3.8","3.8","3.8",""\n"300","","","","3.3"\n',
        {"columns": {"D": "Step*1e6"}},
        {"run": ["a", "b", "a", "b"], "D": [1e8, 1e8, 2e8, 3e8], "loss": [4.1, 3.9, 3.8, 3.3]},
        "a column for each of 2 runs",
    ),
    "scalars of TensorBoard": (
        "a.csv",
        table("Wall time,Step,Value", "1.7e9 100 4.1", "1.7e9 200 3.8"),
        {"columns": {"loss": "Value", "D": "Step*524288"}},
        {"D": [52428800, 104857600], "loss": [4.1, 3.8]},
        None,
    ),
}

# Each: file, content, what is asked for, and what the refusal says.
REFUSED = {
    "two losses": (
        "a.csv",
        table("N,D,train_loss,val_loss", "7e7 1e9 3.5 3.6"),
        {},
        'columns train_loss, val_loss may each be loss: name one, such as columns={"loss": "val_loss"}',
    ),
    "two counts": ("a.csv", table("total_params,active_params,tokens,loss", "7e8 7e7 1e9 3.5"), {}, "may each be N"),
    "parameters in millions": (
        "a.csv",
        table("params,tokens,loss", "70 1.4e9 3.5", "400 8e9 2.9"),
        {},
        "column params (as N): median 235 parameters cannot be those of training runs: if they are in millions, add "
        'columns={"N": "params*1e6"}',
    ),
    "asked for in millions": (
        "a.csv",
        table("p,tokens,loss", "70 1.4e9 3.5"),
        {"columns": {"N": "p"}},
        'columns={"N": "p*1e6"}',
    ),
    "tokens in billions": ("a.csv", table("N,D,loss", "7e7 1.4 3.5", "4e8 8 2.9"), {}, 'add columns={"D": "D*1e9"}'),
    "compute in PF-days": (
        "a.csv",
        table("N,D,C,loss", "7e7 1.4e9 0.0068 3.5"),
        {},
        'if it is in PFLOP/s-days, add columns={"C": "C*8.64e19"}',
    ),
    "compute in GFLOP": (
        "a.csv",
        table("params,tokens,flops,loss", "7e7 1.4e9 5.88e8 3.5"),
        {},
        'if it is in GFLOP, add columns={"C": "flops*1e9"}',
    ),
    "compute alone in EFLOP": ("a.csv", table("C,loss", "0.5 3.5", "1.5 3.4"), {}, 'EFLOP columns={"C": "C*1e18"}'),
    "a name against its numbers": (
        "a.csv",
        table("params_b,tokens,loss", "7e7 1.4e9 3.5"),
        {},
        "its name says billions, but its median is 7e+07",
    ),
    "gflop alone": (
        "a.csv",
        table("N,gflop,loss", "7e7 5.88e8 3.5"),
        {},
        "may be of a training run, or of a second of it",
    ),
    "ambiguous comma": ("a.tsv", table("N\tD\tloss", "7e7 1e9 3,215", sep="\t"), {}, "'3,215' may be 3.215 or 3215"),
    "a column too many": (
        "a.txt",
        "N D loss\n7e7 1e9 3 55\n4e8 8e9 2 95\n",
        {},
        "line 2: '7e7 1e9 3 55' has 4 values, but the header 3",
    ),
    "two decimals": (
        "a.csv",
        table("N;D;loss", "7e7 1e9 3,2", "7e7 2e9 3.15", sep=";"),
        {},
        "commas and points both stand before decimals",
    ),
    "perplexity for a law of loss": (
        "a.csv",
        table("N,D,ppl", "7e7 1e9 33"),
        {"outcome": "loss"},
        '\'ppl\' is perplexity: add columns={"loss": "log(ppl)"}',
    ),
    "per cent without a word": (
        "a.csv",
        table("N,D,accuracy", "7e7 1e9 33", "4e8 8e9 45"),
        {},
        "look like per cent: divide them by 100",
    ),
    "normalised losses": (
        "a.csv",
        table("N,D,loss", "7e7 1e9 -0.3", "4e8 8e9 -1.2"),
        {},
        'undo that, as in columns={"loss": "COLUMN*SD+MEAN"}',
    ),
    "crashed runs": (
        "a.csv",
        table("N,D,loss", *ROWS) + "4e8,8e9,\n4e8,8e9,\n4e8,8e9,\n",
        {},
        "row 4, column loss: nan is a missing value: fill it in or leave the row out; 2 more such rows: 5, 6; "
        "drop_bad=True leaves out",
    ),
    "all runs crashed": (
        "a.csv",
        "N,D,loss\n7e7,1e9,\n",
        {"drop_bad": True},
        "row 1, column loss: nan is a missing value",
    ),
    "no arithmetic": (
        "a.csv",
        table("p,D,loss", "70 1e9 3.5"),
        {"columns": {"N": "p*q"}},
        "N = 'p*q' reads 'q', which is no column",
    ),
    "code": (
        "a.csv",
        table("p,D,loss", "70 1e9 3.5"),
        {"columns": {"N": "__import__('os').system('true')"}},
        "reads '__import__', which is no column",
    ),
    "two ways to read a name": (
        "a.csv",
        table("a,b,a-b,D,loss", "1 2 3 1e9 3.5"),
        {"columns": {"N": "a-b*1e6"}},
        "write `a-b` with backticks",
    ),
    "asked of two alike": (
        "a.csv",
        table("Loss_1,loss 1,D", "3 3 1e9"),
        {"columns": {"loss": "LOSS1"}},
        "may be any of columns Loss_1, loss 1",
    ),
    "chart without sizes": ("a.csv", '"Step","a - x","b - x"\n"1","2","3"\n', {}, "no column 'loss'"),
    "TensorBoard without a word": (
        "a.csv",
        table("Wall time,Step,Value", "1 100 4"),
        {},
        "its columns are Wall time, Step, Value",
    ),
    "broken JSON": ("a.json", '[{"N": 1e8,}]', {}, "line 1: is not JSON"),
    "broken line of JSON": ("a.jsonl", '{"N": 1}\n{"N": \n', {}, "line 2"),
    "a name twice in JSON": ("a.json", '[{"N": 1e8, "N": 2e8}]', {}, "'N' appears twice in one object"),
    "JSON without objects": ("a.json", "[1, 2]", {}, "element 1: 1 is not an object"),
    "no gzip": ("a.csv.gz", b"N,D,loss\n", {}, "cannot be unpacked"),
    "no Excel": ("a.xlsx", b"N,D,loss\n", {}, "is not an Excel file"),
    "no Feather": ("a.feather", b"N,D,loss\n", {}, "is not a Feather file"),
    "unknown ending": ("a.pdf", b"%PDF", {}, "ends in '.pdf': save the table as .csv, .jsonl, .xlsx or .parquet"),
}


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_corpus_is_as_large_as_is_promised():
    assert len(READ) + len(REFUSED) >= 60


@pytest.mark.parametrize(("name", "content", "asked", "expected", "said"), READ.values(), ids=READ)
def test_a_table_is_read_as_it_was_meant(name, content, asked, expected, said, tmp_path):
    runs = Runs.read(written(tmp_path, name, content), **asked)
    for column, values in expected.items():
        if isinstance(values[0], str):
            assert runs.frame[column].tolist() == values
        else:
            np.testing.assert_allclose(runs.frame[column].astype(float), values, rtol=1e-7)
    notes = [note for note in runs.notes if note.startswith("read: ")]
    assert len(notes) <= 1
    assert (said or "") in "".join(notes)


@pytest.mark.parametrize(("name", "content", "asked", "said"), REFUSED.values(), ids=REFUSED)
def test_a_table_that_may_be_misread_is_refused_in_a_line(name, content, asked, said, tmp_path):
    with pytest.raises(RunsError) as caught:
        Runs.read(written(tmp_path, name, content), **asked)
    assert said in str(caught.value)
    assert all(len(line) < 600 for line in str(caught.value).splitlines())
