// Command forward-logs sends log events of CloudWatch Logs to Logstash: those of a subscription, and again those of its queue.
package main

import "pricing/shared/start"

func main() { start.Serve(function) }
