"""What became of a run of an archive, for tests: its rows, its files, and that it is as it was."""

from archive_runs import destination, outputs

from voiceanon.archive.ledger import Ledger
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run


def states(folder):
    return {name: number for name, number in totals_of(folder).states.items() if number}


def rows_of(folder):
    """What is noted of every recording, by its id."""
    found = {}
    for _, path in folder.ledgers():
        with Ledger(path, folder.settings().run) as ledger:
            found |= {row.id: row for row in ledger}
    return found


def rows_by_name(folder):
    """What is noted of every recording, by its name; None of one that was not begun."""
    rows = rows_of(folder)
    with Manifest.open(folder.manifest) as manifest:
        return {entry.name: rows.get(entry.id) for entry in manifest}


def row_named(folder, name):
    """What is noted of a recording, and its entry in the list."""
    with Manifest.open(folder.manifest) as manifest:
        (entry,) = [entry for entry in manifest if entry.name == name]
    return rows_of(folder).get(entry.id), entry


def named(folder):
    """What is there under its final name."""
    return {name: content for name, content in outputs(folder).items() if ".voiceanon-" not in name}


def temporary(folder):
    """Files that are not whole yet, in the destination and in the run's own folder."""
    places = (destination(folder), folder.path)
    return [path for place in places for path in place.rglob("*.part")]


def assert_whole_so_far(folder, wanted):
    made = named(folder)
    assert made == {name: wanted[name] for name in made}


def assert_undisturbed(folder, wanted):
    assert outputs(folder) == wanted
    assert states(folder) == {"done": len(wanted)}
    assert temporary(folder) == []
    assert verify_run(folder).is_good
