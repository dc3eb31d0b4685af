"""The cells a kernel has run, also those IPython keeps no history of."""

from IPython.core.interactiveshell import InteractiveShell

from grader.notebook.executed import executed_cells


def test_cells_with_and_without_history_in_their_order():
    shell = InteractiveShell()
    shell.run_cell("first = 1", store_history=True)
    before = len(executed_cells(shell))
    shell.run_cell("second = 2", store_history=False)
    shell.run_cell("%%time\nthird = 3", store_history=True)
    shell.run_cell("quiet = 4", silent=True)
    assert executed_cells(shell)[before - 1 :] == ["first = 1", "second = 2", "%%time\nthird = 3"]
