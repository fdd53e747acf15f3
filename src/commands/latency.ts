/** LATENCY: events that held up the server, and how long each command takes. */
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import type { DurationHistogram } from "../store/duration_histogram.ts";
import type { Pauses } from "../store/pauses.ts";
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler } from "./help_reply.ts";
import { latencyReport } from "./latency_report.ts";
import type { Command } from "./registry.ts";
import { sparkline } from "./sparkline.ts";

/** LATENCY LATEST */
function latencyLatest(context: CommandContext): void {
  const { reply } = context;
  const { series } = context.timer.latency;
  reply.array(series.size);
  for (const [event, { samples, longestMs }] of series) {
    const { seconds, milliseconds } = samples[samples.length - 1];
    reply.array(4);
    reply.bulkText(event);
    reply.integer(seconds);
    reply.integer(milliseconds);
    reply.integer(longestMs);
  }
}

/** LATENCY HISTORY event */
function latencyHistory(context: CommandContext): void {
  const { reply } = context;
  const samples = context.timer.latency.series.get(context.text(2))?.samples ?? [];
  reply.array(samples.length);
  for (const { seconds, milliseconds } of samples) {
    reply.array(2);
    reply.integer(seconds);
    reply.integer(milliseconds);
  }
}

/** LATENCY GRAPH event */
function latencyGraph(context: CommandContext): void {
  const { reply } = context;
  const event = context.text(2);
  const series = context.timer.latency.series.get(event);
  if (series === undefined) {
    return reply.errorQuotingBytes(`ERR No samples available for event '${context.quoted(2)}'`);
  }
  const values = series.samples.map(({ milliseconds }) => milliseconds);
  const now = Math.floor(Date.now() / 1000);
  const labels = series.samples.map(({ seconds }) => ageLabel(now - seconds));
  const heading = `${event} - high ${Math.max(...values)} ms, low ${Math.min(...values)} ms ` +
    `(all time high ${series.longestMs} ms)\n`;
  reply.verbatimText(`${heading}${"-".repeat(80)}\n${sparkline(values, labels)}`);
}

function ageLabel(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

/** LATENCY RESET [event [event ...]] */
function latencyReset(context: CommandContext): void {
  const { argc, reply } = context;
  const { latency } = context.timer;
  if (argc === 2) return reply.integer(latency.reset());
  let count = 0;
  for (let i = 2; i < argc; i++) count += latency.reset(context.text(i));
  reply.integer(count);
}

/** LATENCY DOCTOR */
function latencyDoctor(context: CommandContext): void {
  const { timer, store } = context;
  context.reply.verbatimText(latencyReport({
    monitor: timer.latency,
    slowLogThresholdMicroseconds: timer.slowLog.thresholdMicroseconds,
    syncPolicy: store.syncPolicy,
    nowSeconds: Math.floor(Date.now() / 1000),
  }));
}

/** LATENCY HISTOGRAM [command [command ...]] */
function latencyHistogram(context: CommandContext): void {
  const { argc, reply, commands } = context;
  const asked: Command[] = [];
  const loops: LoopHistogram[] = [];
  if (argc === 2) asked.push(...commands.all());
  for (let i = 2; i < argc; i++) {
    loops.push(...loopHistograms.filter(({ name }) => context.is(i, name.toUpperCase())));
    const command = commands.named(context.text(i));
    if (command !== undefined) asked.push(command, ...command.subcommands?.commands ?? []);
  }
  const known = asked.filter(({ histogram }) => histogram !== null);
  reply.map(known.length + loops.length);
  for (const { name, histogram } of known) {
    reply.bulkText(name);
    const classes: number[] = [];
    histogram!.eachDoubling((microseconds, calls) => classes.push(microseconds, calls));
    replyHistogram(reply, histogram!.total, classes);
  }
  for (const loop of loops) replyLoopHistogram(context, loop);
}

interface LoopHistogram {
  readonly name: string;
  readonly of: (pauses: Pauses) => DurationHistogram;
}

/**
 * How long the event loop did one thing only: a batch of one client's requests, a slice of upkeep. Asked for by name, and only
 * then: Redis has no such thing, and its tools expect commands.
 */
const loopHistograms: readonly LoopHistogram[] = [
  { name: "event-loop", of: ({ all }) => all },
  { name: "event-loop-own", of: ({ own }) => own },
];

function replyLoopHistogram({ reply, store }: CommandContext, { name, of }: LoopHistogram): void {
  const histogram = of(store.pauses);
  const classes: number[] = [];
  histogram.eachBound((ms, count) => classes.push(Math.ceil(ms * 1000), count));
  reply.bulkText(name);
  replyHistogram(reply, histogram.total, classes);
}

/** `classes` has microseconds and how many took no longer, in turn. */
function replyHistogram(reply: ReplyWriter, total: number, classes: readonly number[]): void {
  reply.map(2);
  reply.bulkText("calls");
  reply.integer(total);
  reply.bulkText("histogram_usec");
  reply.map(classes.length / 2);
  for (const number of classes) reply.integer(number);
}

export const latencyHandlers: Record<string, Handler> = {
  "latency|doctor": latencyDoctor,
  "latency|graph": latencyGraph,
  "latency|help": helpHandler("LATENCY", [
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
  ]),
  "latency|histogram": latencyHistogram,
  "latency|history": latencyHistory,
  "latency|latest": latencyLatest,
  "latency|reset": latencyReset,
};
