"""The checks that exist only in Python: cfn-lint, the SAM transform and openapi-spec-validator.

    lint.py check < jobs.json > reports.json
    lint.py transform < requests.json > templates.json

jobs.json is a list of {"file": ..., "environments": ...}. The latter has the parameter values of each environment:
{"dev": {"DeployEnv": "dev"}}. Without any, only cfn-lint reads the file. Each job has one report:
  mistakes  what the tools say: tool, path (keys from the template's root), what, environment ("" for the source), line
  bodies    by environment and logical id, the OpenAPI document of each REST API as the transform leaves it. Intrinsic
            functions are resolved or replaced by placeholders, for the checks that exist only in Go.
  transformed
            by environment, the template as the transform leaves it. There is none where the transform refuses it.
cfn-lint reads both templates because each hides mistakes: the source's DefinitionBody is opaque to it, and the transform
drops what it does not know.

requests.json is a list of {"source": ..., "parameters": {...}} with a template's text or what the text means.
templates.json is the list of what the transform makes of them.
"""

import copy
import functools
import gc
import json
import multiprocessing
import re
import sys
from pathlib import Path

from boto3 import Session
from cfnlint.api import ManualArgs, lint, lint_file
from openapi_spec_validator import OpenAPIV30SpecValidator
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator import translator
from samtranslator.yaml_helper import yaml_parse

NO_VALUE = object()


def mistake(tool, path, what, environment, line=0):
    return {"tool": tool, "path": [str(p) for p in path], "what": what, "environment": environment, "line": line}


def cfn_lint(matches, environment):
    def short(message):  # without the list of what is allowed, which differs between the two templates
        return re.sub(r"(is not one of )\[.{100,}\]", r"\1[...]", message)

    mistakes = [
        mistake(
            f"cfn-lint {m.rule.id}",
            getattr(m, "path", None) or [],
            short(m.message),
            environment,
            0 if environment else m.linenumber,  # a line of the transformed text helps nobody
        )
        for m in matches
    ]
    # A wrong parameter value breaks every property that refers to it: report only the parameter.
    values = [m for m in mistakes if m["tool"] == "cfn-lint E2900"]
    return values or mistakes


SESSION = Session()
# The transform reads and validates its list of policy templates again for each template, which is half of its time.
translator.make_policy_template_for_function_plugin = functools.cache(translator.make_policy_template_for_function_plugin)


def transform(template, parameters):
    """The template as CloudFormation would get it. Where the code is does not matter, as long as it is in S3."""
    template = copy.deepcopy(template)
    functions = [r for r in template.get("Resources", {}).values() if r.get("Type") == "AWS::Serverless::Function"]
    for section in [f.get("Properties", {}) for f in functions] + [template.get("Globals", {}).get("Function", {})]:
        if "CodeUri" in section:
            section["CodeUri"] = "s3://artifacts/code.zip"
    return translator.Translator({}, Parser(), boto_session=SESSION).translate(template, dict(parameters))


def typed(template, parameters):
    """Parameter values as cfn-lint wants them: a list is a list, not text."""
    kinds = {name: p.get("Type", "") for name, p in template.get("Parameters", {}).items()}
    lists = {name for name, kind in kinds.items() if kind == "CommaDelimitedList" or kind.startswith("List<")}
    return {name: v.split(",") if name in lists else v for name, v in parameters.items()}


class Placeholders:
    """Resolves what parameters and conditions decide. What only a deployment knows becomes text."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = {name: p.get("Default", "") for name, p in template.get("Parameters", {}).items()} | parameters

    def condition(self, c):
        if isinstance(c, str):
            return self.condition(self.template["Conditions"][c])
        ((name, value),) = c.items()
        match name:
            case "Condition":
                return self.condition(value)
            case "Fn::Equals":
                left, right = (str(self.resolve(v)) for v in value)
                return left == right
            case "Fn::Not":
                return not self.condition(value[0])
            case "Fn::And":
                return all(self.condition(v) for v in value)
            case "Fn::Or":
                return any(self.condition(v) for v in value)
        raise ValueError(f"{name} is not a condition")

    def resolve(self, v):
        if isinstance(v, list):
            return [r for r in (self.resolve(i) for i in v) if r is not NO_VALUE]
        if not isinstance(v, dict):
            return v
        if len(v) == 1:
            ((name, value),) = v.items()
            if name == "Ref":
                return NO_VALUE if value == "AWS::NoValue" else self.parameters.get(value, f"ref-{value}")
            if name == "Fn::If":
                return self.resolve(value[1] if self.condition(value[0]) else value[2])
            if name == "Fn::Sub":
                return value if isinstance(value, str) else value[0]
            if name.startswith("Fn::"):
                return "placeholder"
        return {str(k): r for k, r in ((k, self.resolve(i)) for k, i in v.items()) if r is not NO_VALUE}


def deepest(error):
    """The most helpful part of a failed oneOf, instead of "is not valid under any of the given schemas"."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return error


def openapi(body, path, environment):
    # {proxy+} is AWS's own: the validator would take proxy+ for the parameter's name.
    greedy = {p.replace("+}", "}"): p for p in body.get("paths", {}) if "+}" in p}
    if greedy:
        body = body | {"paths": {p.replace("+}", "}"): item for p, item in body["paths"].items()}}
    errors = [deepest(e) for e in OpenAPIV30SpecValidator(body).iter_errors()]
    # What is found through a reference has a path that begins at its target: it counts only if it is reported nowhere else.
    placed = [e for e in errors if not e.absolute_path or e.absolute_path[0] in body]
    reported = {e.message for e in placed}
    return [
        mistake("openapi-spec-validator", path + [greedy.get(p, p) for p in e.absolute_path], e.message, environment)
        for e in placed
    ] + [mistake("openapi-spec-validator", path, e.message, environment) for e in errors if e.message not in reported]


def check_source(path):
    return {"mistakes": cfn_lint(lint_file(Path(path), ManualArgs()), "")}


def check_environment(path, environment, parameters):
    try:
        template = transform(yaml_parse(Path(path).read_text(encoding="utf-8")), parameters)
    except InvalidDocumentException as error:
        places = [["Resources", c._logical_id] if hasattr(c, "_logical_id") else [] for c in error.causes]
        found = [mistake("sam transform", at, c.message, environment) for at, c in zip(places, error.causes)]
        return {"mistakes": found}
    except Exception as error:  # the transform trusts its input more than it should
        return {"mistakes": [mistake("sam transform", [], f"gives up: {error!r}", environment)]}
    found = cfn_lint(lint(json.dumps(template), config=ManualArgs(parameters=[typed(template, parameters)])), environment)
    # Only the source shows which parameters are used: the transform itself replaces some by their values.
    found = [m for m in found if m["tool"] != "cfn-lint W2001"]
    bodies = {}
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") != "AWS::ApiGateway::RestApi" or "Body" not in resource["Properties"]:
            continue
        place = ["Resources", logical_id, "Properties", "Body"]
        try:
            bodies[logical_id] = Placeholders(template, parameters).resolve(resource["Properties"]["Body"])
            found += openapi(bodies[logical_id], place, environment)
        except Exception as error:  # such as a reference that leads nowhere
            found.append(mistake("openapi-spec-validator", place, f"gives up: {error!r}", environment))
    return {"mistakes": found, "bodies": {environment: bodies}, "transformed": {environment: template}}


def check(pool, jobs):
    """The report of each job. The source and each environment are checked side by side."""
    started = [
        [pool.apply_async(check_source, [job["file"]])]
        + [pool.apply_async(check_environment, [job["file"], *e]) for e in job.get("environments", {}).items()]
        for job in jobs
    ]
    reports = []
    for job in started:
        source, *environments = [part.get() for part in job]
        report = {"mistakes": source["mistakes"], "bodies": {}, "transformed": {}}
        if not any(m["tool"] == "cfn-lint E0000" for m in source["mistakes"]):  # else it is not YAML, and there is nothing more to say
            for part in environments:
                report["mistakes"] += part["mistakes"]
                report["bodies"] |= part.get("bodies", {})
                report["transformed"] |= part.get("transformed", {})
        reports.append(report)
    return reports


def transform_request(request):
    source = request["source"]
    return transform(yaml_parse(source) if isinstance(source, str) else source, request["parameters"])


if __name__ == "__main__":
    gc.freeze()  # the process is short: looking for garbage among the schemas that it keeps takes a fifth of its time
    gc.set_threshold(50_000)
    given = json.load(sys.stdin)
    with multiprocessing.get_context("fork").Pool() as pool:  # the tools are imported once, before the fork
        answer = check(pool, given) if sys.argv[1] == "check" else pool.map(transform_request, given)
    json.dump(answer, sys.stdout)
