"""Looking inside: pictures of what a model does."""

from keras_seq.diagnostics.alignments import (
    AlignmentAgreement,
    alignment_agreement,
    attention_coverage,
    attention_entropy,
)
from keras_seq.diagnostics.attention import drawable, plot_attention
from keras_seq.diagnostics.attention_map import attention_map
from keras_seq.diagnostics.calibration import calibration_error, reliability
from keras_seq.diagnostics.clipping_monitor import ClippingMonitor
from keras_seq.diagnostics.gate_activity import GateActivity, gate_activity
from keras_seq.diagnostics.gate_monitor import GateMonitor
from keras_seq.diagnostics.gates import plot_gates
from keras_seq.diagnostics.gradient_flow import (
    FlowFunction,
    GradientFlow,
    gradient_flow,
)
from keras_seq.diagnostics.gradient_flow_monitor import GradientFlowMonitor
from keras_seq.diagnostics.gradient_flow_picture import plot_gradient_flow
from keras_seq.diagnostics.image_attention import plot_image_attention
from keras_seq.diagnostics.lstmvis import write_lstmvis
from keras_seq.diagnostics.saturation import plot_saturation
from keras_seq.diagnostics.state_jacobians import StateJacobians, state_jacobians
from keras_seq.diagnostics.text_activity import TextActivity, text_activity
from keras_seq.diagnostics.text_properties import (
    inside_brackets,
    inside_quotes,
    line_position,
)
from keras_seq.diagnostics.unit_scores import UnitScores, find_units, unit_scores
from keras_seq.diagnostics.unit_text import UnitText, unit_text
from keras_seq.diagnostics.unrolled import plot_unrolled

__all__ = [
    "AlignmentAgreement",
    "ClippingMonitor",
    "FlowFunction",
    "GateActivity",
    "GateMonitor",
    "GradientFlow",
    "GradientFlowMonitor",
    "StateJacobians",
    "TextActivity",
    "UnitScores",
    "UnitText",
    "alignment_agreement",
    "attention_coverage",
    "attention_entropy",
    "attention_map",
    "calibration_error",
    "drawable",
    "find_units",
    "gate_activity",
    "gradient_flow",
    "inside_brackets",
    "inside_quotes",
    "line_position",
    "plot_attention",
    "plot_gates",
    "plot_gradient_flow",
    "plot_image_attention",
    "plot_saturation",
    "plot_unrolled",
    "reliability",
    "state_jacobians",
    "text_activity",
    "unit_scores",
    "unit_text",
    "write_lstmvis",
]
