package rules

import (
	"fmt"
	"slices"
)

// scalingRules are about capacity that a schedule brings.
func scalingRules() []Rule {
	return []Rule{{
		Name: "scale-down", Doc: "What a scheduled action of a scalable target raises, another of the same target takes back.",
		Consequence: "the capacity is paid for day and night from the first raise on, and nothing says so",
		Fix:         "add a scheduled action whose MaxCapacity is lower: a lower MinCapacity alone leaves what is there",
		source: func(p *Project, report report) {
			for _, id := range sorted(object(p.source, "Resources")) {
				r := object(p.source, "Resources", id)
				if text(r["Type"]) != "AWS::ApplicationAutoScaling::ScalableTarget" {
					continue
				}
				actions := list(object(r["Properties"])["ScheduledActions"])
				for i, up := range actions {
					least := object(up, "ScalableTargetAction")["MinCapacity"]
					if least == nil || fmt.Sprint(least) == "0" || takenBack(least, slices.Concat(actions[:i], actions[i+1:])) {
						continue
					}
					report([]string{"Resources", id, "Properties", "ScheduledActions", fmt.Sprint(i)},
						"%s goes up by %s, and by nothing down", id, text(object(up)["ScheduledActionName"]))
				}
			}
		},
	}}
}

// takenBack reports whether one of the other actions lets less stay than the least that an action brings. Of two values of which one is a
// parameter's, different ones count as lower.
func takenBack(least any, others []any) bool {
	for _, down := range others {
		most := object(down, "ScalableTargetAction")["MaxCapacity"]
		if most == nil {
			continue
		}
		a, isNumber := number(most)
		b, areNumbers := number(least)
		lower := fmt.Sprint(most) != fmt.Sprint(least)
		if isNumber && areNumbers {
			lower = a < b
		}
		if lower {
			return true
		}
	}
	return false
}
