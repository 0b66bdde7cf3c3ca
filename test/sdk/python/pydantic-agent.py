"""Runs an agent of Pydantic AI with one tool and a fake model, traced by OpenTelemetry as its environment says."""

import json

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def answer(messages, info):
    """Asks for the tool once, then tells what it gave."""
    returned = [part for message in messages for part in message.parts if part.part_kind == "tool-return"]
    if returned:
        return ModelResponse(parts=[TextPart(f"It is {returned[0].content}.")], usage=RequestUsage(input_tokens=30, output_tokens=7))
    return ModelResponse(
        parts=[ToolCallPart("find_order", {"number": 42}, tool_call_id="call-1")],
        usage=RequestUsage(input_tokens=20, output_tokens=5),
    )


Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))
agent = Agent(
    FunctionModel(answer, model_name="fake-model"),
    name="support",
    instructions="Be brief.",
)


@agent.tool_plain
def find_order(number: int) -> str:
    return "on its way"


print(json.dumps(agent.run_sync("Where is order 42?").output))
provider.shutdown()
