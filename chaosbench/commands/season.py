"""chaosbench season: an exam drawn from a secret, from its commitment to its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    Isolation,
    PluginOption,
    RequireOption,
    WorkersOption,
    group,
    load_plugins,
    print_json,
    progress,
    say,
)

__all__ = ["app"]

app = group("An exam that nobody can look up, drawn from a secret.")

SeasonArgument = Annotated[Path, typer.Argument(help="Directory of the season.")]
SecretOption = Annotated[Path, typer.Option(help="File of the secret.")]
SealedOption = Annotated[Path, typer.Option(help="Directory for what stays sealed.")]


@app.command("new")
def season_new(
    directory: SeasonArgument,
    id_: Annotated[str, typer.Option("--id", help="Id, such as practice-2026.")],
    secret: SecretOption,
    relatives: Annotated[int, typer.Option(help="Systems near those of the catalogue.")] = 40,
    newborns: Annotated[int, typer.Option(help="Systems that exist nowhere before.")] = 40,
    family: Annotated[
        list[str] | None, typer.Option(help="A family of newborns; repeatable.")
    ] = None,
    level: Annotated[
        list[int] | None, typer.Option(help="A level of disguise, 0, 1 or 2; repeatable.")
    ] = None,
    train_points: Annotated[int, typer.Option(help="Training samples of a question.")] = 10_000,
    windows: Annotated[int, typer.Option(help="Contexts of a question.")] = 20,
    context: Annotated[int, typer.Option(help="Samples of a context.")] = 512,
    steps_at_most: Annotated[int, typer.Option(help="Most steps of a forecast.")] = 6000,
    closes: Annotated[str, typer.Option(help="Date until which answers are sealed.")] = "",
) -> None:
    """Make a secret and the public plan that commits to it."""
    from chaosbench.seasons import new_season

    chosen = {"families": tuple(family)} if family else {}
    season = new_season(
        directory, secret, id_, relatives=relatives, newborns=newborns,
        levels=tuple(level or (1, 2)), train_points=train_points, windows=windows, context=context,
        steps_at_most=steps_at_most, closes=closes, **chosen,
    )  # fmt: skip
    say(f"{directory}/season.toml commits to the secret in {secret} by {season.secret_sha256}")
    say("keep the secret to yourself, publish the directory; next: chaosbench season questions")


@app.command("questions")
def season_questions(
    directory: SeasonArgument,
    secret: SecretOption,
    sealed: SealedOption,
    workers: WorkersOption = 1,
) -> None:
    """Draw the systems from the secret and write the questions."""
    from chaosbench.seasons import make_questions, read_questions

    with progress("season") as report:
        season = make_questions(directory, secret, sealed, workers=workers, progress=report)
    say(f"{len(read_questions(directory))} questions of {season.id} in {directory}/questions")


@app.command("answer")
def season_answer(
    directory: SeasonArgument,
    forecaster: Annotated[str, typer.Option("--forecaster", "-f", help="name:setting=value,…")],
    out: Annotated[Path, typer.Option(help="Directory for the answers.")],
    plugins: PluginOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the fit.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Budget of a question.")] = 600.0,
    memory: Annotated[float, typer.Option(min=64, help="Budget of a question, MiB.")] = 8192.0,
    require: RequireOption = Isolation.any,
    workers: WorkersOption = 1,
) -> None:
    """Have a forecaster answer all questions, confined as in a run."""
    from chaosbench.evaluation import Budget
    from chaosbench.seasons import answer

    files = load_plugins(plugins)
    with progress("answer") as report:
        answer(
            directory, forecaster, out, plugins=files, seed=seed, workers=workers,
            budget=Budget(seconds, memory), progress=report,
            require="" if require is Isolation.any else require.value,
        )  # fmt: skip
    say(f"answers in {out}; next: chaosbench season enter")


@app.command("enter")
def season_enter(
    directory: SeasonArgument,
    answers: Annotated[Path, typer.Argument(help="Directory of the answers.")],
    name: Annotated[str, typer.Option(help="Label on the board.")],
    authors: Annotated[str, typer.Option(help="Who they are.")] = "",
    url: Annotated[str, typer.Option(help="Where the method is described.")] = "",
    license: Annotated[str, typer.Option(help="License of the answers.")] = "",  # noqa: A002
    trained_on: Annotated[str, typer.Option(help="Data that the method was trained on.")] = "",
) -> None:
    """Seal answers by their hashes, before the season closes."""
    from chaosbench.seasons import enter

    entry = enter(
        directory, answers, name, authors=authors, url=url, license=license, trained_on=trained_on
    )
    say(f"{answers}/entry.toml seals {len(entry.files)} files of {entry.name!r}; publish it now")


@app.command("reveal")
def season_reveal(directory: SeasonArgument, secret: SecretOption, sealed: SealedOption) -> None:
    """Publish the secret and the systems in the season's directory."""
    from chaosbench.seasons import reveal

    reveal(directory, secret, sealed)
    say(f"{directory}/revealed holds the secret and the systems; next: chaosbench season score")


@app.command("score")
def season_score(
    directory: SeasonArgument,
    answers: Annotated[list[Path], typer.Argument(help="Directories of sealed answers.")],
    out: Annotated[Path, typer.Option(help="Directory for the records.")],
    data: Annotated[
        Path | None, typer.Option(help="Where the truth lies, or is to be made.")
    ] = None,
    track: Annotated[str | None, typer.Option(help="Show only this track.")] = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Score sealed answers after the reveal, and rank them."""
    from chaosbench.commands.leaderboard import show_board
    from chaosbench.evaluation import Records
    from chaosbench.seasons import score_entries

    with progress("score") as report:
        records = score_entries(directory, answers, out, data=data, progress=report)
    if track is not None:
        records = Records(r for r in records if r.task.partition("/")[0] == track)
    show_board(records, format)


@app.command("verify")
def season_verify(
    directory: SeasonArgument,
    answers: Annotated[list[Path] | None, typer.Argument(help="Directories of entries.")] = None,
    regrow: Annotated[
        bool, typer.Option("--regrow", help="Draw everything from the secret again.")
    ] = False,
    workers: WorkersOption = 1,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Check questions, secret, systems and entries."""
    from chaosbench.seasons import verify

    with progress("verify") as report:
        found = verify(directory, answers=answers, regrow=regrow, workers=workers, progress=report)
    if format is Format.json:
        return print_json({"verified": found})
    return say("\n".join(found))
