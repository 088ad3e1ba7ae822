"""The checks that exist only in Python: cfn-lint, the SAM transform and openapi-spec-validator.

    lint.py TEMPLATE < environments.json > report.json
    lint.py < requests.json > transformed.json

environments.json has the parameter values of each environment: {"dev": {"DeployEnv": "dev"}}. The report has
  mistakes  what the tools said: tool, path (keys from the template's root), what, environment ("" for the source), line
  bodies    by environment and logical id, the OpenAPI body of each REST API as the transform leaves it, with intrinsic
            functions resolved or replaced by placeholders, for the checks that exist only in Go
  transformed
            by environment, the template as the transform leaves it; no entry where the transform refuses it.
cfn-lint reads both templates because either one hides mistakes: the source's DefinitionBody is opaque to it, and the
transform drops what it does not know.

Without TEMPLATE it only transforms, many templates in one process: requests.json is a list of {"source": ...,
"parameters": {...}} with a template's text or what the text means, transformed.json the list of their templates.
"""

import copy
import json
import re
import sys
from pathlib import Path

from boto3 import Session
from cfnlint.api import ManualArgs, lint, lint_file
from openapi_spec_validator import OpenAPIV30SpecValidator
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

NO_VALUE = object()


def mistake(tool, path, what, environment, line=0):
    return {"tool": tool, "path": [str(p) for p in path], "what": what, "environment": environment, "line": line}


def cfn_lint(matches, environment):
    def short(message):  # without the list of all that would be allowed, which differs between the two templates
        return re.sub(r"(is not one of )\[.{100,}\]", r"\1[...]", message)

    mistakes = [
        mistake(
            f"cfn-lint {m.rule.id}",
            getattr(m, "path", None) or [],
            short(m.message),
            environment,
            0 if environment else m.linenumber,  # lines of the transformed text help nobody
        )
        for m in matches
    ]
    # One wrong parameter value breaks every property that refers to it: name the parameter alone.
    values = [m for m in mistakes if m["tool"] == "cfn-lint E2900"]
    return values or mistakes


SESSION = Session()


def transform(template, parameters):
    """The template as CloudFormation would get it. The code's place does not matter, only that it is in S3."""
    template = copy.deepcopy(template)
    functions = [r for r in template.get("Resources", {}).values() if r.get("Type") == "AWS::Serverless::Function"]
    for section in [f.get("Properties", {}) for f in functions] + [template.get("Globals", {}).get("Function", {})]:
        if "CodeUri" in section:
            section["CodeUri"] = "s3://artifacts/code.zip"
    return Translator({}, Parser(), boto_session=SESSION).translate(template, dict(parameters))


def typed(template, parameters):
    """Parameter values as cfn-lint wants them: a list is one, not text."""
    kinds = {name: p.get("Type", "") for name, p in template.get("Parameters", {}).items()}
    lists = {name for name, kind in kinds.items() if kind == "CommaDelimitedList" or kind.startswith("List<")}
    return {name: v.split(",") if name in lists else v for name, v in parameters.items()}


class Placeholders:
    """Resolves what parameters and conditions decide; what only a deployment knows becomes text."""

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
        raise ValueError(f"{name} is no condition")

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
    """The most telling part of a failed oneOf, rather than "is not valid under any of the given schemas"."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return error


def openapi(body, path, environment):
    # {proxy+} is AWS's own: the validator would take proxy+ for the parameter's name.
    greedy = {p.replace("+}", "}"): p for p in body.get("paths", {}) if "+}" in p}
    if greedy:
        body = body | {"paths": {p.replace("+}", "}"): item for p, item in body["paths"].items()}}
    errors = [deepest(e) for e in OpenAPIV30SpecValidator(body).iter_errors()]
    # What is seen through a reference has a path from the reference's target: it counts only if it is told nowhere else.
    placed = [e for e in errors if not e.absolute_path or e.absolute_path[0] in body]
    told = {e.message for e in placed}
    return [
        mistake("openapi-spec-validator", path + [greedy.get(p, p) for p in e.absolute_path], e.message, environment)
        for e in placed
    ] + [mistake("openapi-spec-validator", path, e.message, environment) for e in errors if e.message not in told]


def main(path, environments):
    source = Path(path).read_text(encoding="utf-8")
    mistakes = cfn_lint(lint_file(Path(path), ManualArgs()), "")
    bodies, transformed = {}, {}
    if any(m["tool"] == "cfn-lint E0000" for m in mistakes):  # no YAML, nothing more to say
        return {"mistakes": mistakes, "bodies": bodies, "transformed": transformed}
    for environment, parameters in environments.items():
        try:
            template = transform(yaml_parse(source), parameters)
        except InvalidDocumentException as error:
            for cause in error.causes:
                place = ["Resources", cause._logical_id] if hasattr(cause, "_logical_id") else []
                mistakes.append(mistake("sam transform", place, cause.message, environment))
            continue
        except Exception as error:  # it trusts its input more than a broken template deserves
            mistakes.append(mistake("sam transform", [], f"gives up: {error!r}", environment))
            continue
        transformed[environment] = template
        # Which parameters are used only the source tells: the transform itself takes the value of some.
        found = cfn_lint(lint(json.dumps(template), config=ManualArgs(parameters=[typed(template, parameters)])), environment)
        mistakes += [m for m in found if m["tool"] != "cfn-lint W2001"]
        for logical_id, resource in template["Resources"].items():
            if resource.get("Type") != "AWS::ApiGateway::RestApi" or "Body" not in resource["Properties"]:
                continue
            place = ["Resources", logical_id, "Properties", "Body"]
            try:
                body = Placeholders(template, parameters).resolve(resource["Properties"]["Body"])
                bodies.setdefault(environment, {})[logical_id] = body
                mistakes += openapi(body, place, environment)
            except Exception as error:  # such as a reference that leads nowhere
                mistakes.append(mistake("openapi-spec-validator", place, f"gives up: {error!r}", environment))
    return {"mistakes": mistakes, "bodies": bodies, "transformed": transformed}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    if len(sys.argv) > 1:
        json.dump(main(sys.argv[1], given), sys.stdout)
    else:
        for r in given:
            if isinstance(r["source"], str):
                r["source"] = yaml_parse(r["source"])
        json.dump([transform(r["source"], r["parameters"]) for r in given], sys.stdout)
