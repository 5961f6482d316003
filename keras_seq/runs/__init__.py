"""What a run keeps and how it is started: its folder, its commands, its report."""

from keras_seq.runs._reading import reading
from keras_seq.runs.bars import plot_bars
from keras_seq.runs.command_line import (
    check_out,
    command_line,
    picture_file,
    print_or_write,
    shows_colours,
)
from keras_seq.runs.curves import plot_history
from keras_seq.runs.finished import (
    FinishedRun,
    evaluate_command,
    export_command,
    open_finished,
)
from keras_seq.runs.line_answers import answer_lines, check_one_given, quoted_text
from keras_seq.runs.progress import Progress
from keras_seq.runs.report import Report
from keras_seq.runs.run_directory import RunDirectory
from keras_seq.runs.settings import RunSettings, check_settings, whole_path

__all__ = [
    "FinishedRun",
    "Progress",
    "Report",
    "RunDirectory",
    "RunSettings",
    "answer_lines",
    "check_one_given",
    "check_out",
    "check_settings",
    "command_line",
    "evaluate_command",
    "export_command",
    "open_finished",
    "picture_file",
    "plot_bars",
    "plot_history",
    "print_or_write",
    "quoted_text",
    "reading",
    "shows_colours",
    "whole_path",
]
