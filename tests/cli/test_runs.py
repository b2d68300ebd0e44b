"""``hearsight runs`` where there is nothing to list."""

from __future__ import annotations

from hearsight.cli.study import runs


def test_a_folder_without_runs_is_named_with_what_makes_one(tmp_path, capsys):
    runs([tmp_path])
    assert "no training run in it; hearsight train, learn and finetune make some" in " ".join(
        capsys.readouterr().err.split()
    )
    runs([tmp_path], as_json=True)
    shown = capsys.readouterr()
    assert '"runs": []' in shown.out
    assert not shown.err
