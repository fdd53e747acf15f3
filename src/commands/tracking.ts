/** CLIENT TRACKING and its kin: keys that clients cache; see `KeyTracking`. */
import { beginsWith } from "../store/compare_bytes.ts";
import { type CommandContext, type Handler, quotedText } from "./context.ts";
import type { TrackingOptions } from "./key_tracking.ts";

/** Errors show so much of a prefix. */
const quotedBytesMax = 1024;

const otherMode = (mode: string) =>
  `ERR You can't switch ${mode} mode ${
    mode === "BCAST" ? "on/off " : ""
  }before disabling tracking ` +
  "for this client, and then re-enabling it with a different mode.";

/**
 * CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN]
 * [OPTOUT] [NOLOOP]
 */
function clientTracking(context: CommandContext): void {
  const { session, keyTracking, reply } = context;
  const prefixes: Uint8Array[] = [];
  const options = readOptions(context, prefixes);
  if (options === null) return;
  if (context.is(2, "OFF")) {
    keyTracking.disable(session);
    context.observe();
    return reply.ok();
  }
  if (!context.is(2, "ON")) return context.syntaxError();
  const problem = findConflict(context, options, prefixes);
  if (problem !== null) return reply.errorQuotingBytes(problem);
  keyTracking.enable(session, options, prefixes);
  context.observe();
  reply.ok();
}

/** Null when they make no sense, and that is replied. */
function readOptions(context: CommandContext, prefixes: Uint8Array[]): TrackingOptions | null {
  const { reply, argc, server } = context;
  const options = {
    redirection: 0,
    isBroadcast: false,
    isOptIn: false,
    isOptOut: false,
    isNoLoop: false,
  };
  for (let i = 3; i < argc; i++) {
    const hasMore = i + 1 < argc;
    if (context.is(i, "REDIRECT") && hasMore) {
      if (options.redirection !== 0) {
        reply.error("ERR A client can only redirect to a single other client");
        return null;
      }
      const id = context.int64(++i);
      if (id === null) {
        context.notAnInteger();
        return null;
      }
      if (server.session(Number(id)) === undefined) {
        reply.error("ERR The client ID you want redirect to does not exist");
        return null;
      }
      options.redirection = Number(id);
    } else if (context.is(i, "PREFIX") && hasMore) {
      prefixes.push(context.copy(++i));
    } else if (context.is(i, "BCAST")) options.isBroadcast = true;
    else if (context.is(i, "OPTIN")) options.isOptIn = true;
    else if (context.is(i, "OPTOUT")) options.isOptOut = true;
    else if (context.is(i, "NOLOOP")) options.isNoLoop = true;
    else {
      context.syntaxError();
      return null;
    }
  }
  return options;
}

/** What speaks against these options, as the text of an error; null for nothing. */
function findConflict(
  { session }: CommandContext,
  options: TrackingOptions,
  prefixes: readonly Uint8Array[],
): string | null {
  const { isBroadcast, isOptIn, isOptOut } = options;
  const current = session.tracking?.options;
  if (!isBroadcast && prefixes.length > 0) {
    return "ERR PREFIX option requires BCAST mode to be enabled";
  }
  if (current !== undefined && current.isBroadcast !== isBroadcast) return otherMode("BCAST");
  if (isBroadcast && (isOptIn || isOptOut)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (isOptIn && isOptOut) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (isOptIn && current?.isOptOut || isOptOut && current?.isOptIn) {
    return otherMode("OPTIN/OPTOUT");
  }
  return findOverlap(prefixes, session.tracking?.prefixes ?? []);
}

/** Prefixes of one client may not overlap: it would be told of a key twice. */
function findOverlap(
  prefixes: readonly Uint8Array[],
  existing: readonly Uint8Array[],
): string | null {
  for (const [i, prefix] of prefixes.entries()) {
    const found = existing.find((other) => overlaps(prefix, other));
    const another = prefixes.slice(i + 1).find((other) => overlaps(prefix, other));
    if (found === undefined && another === undefined) continue;
    const which = found === undefined ? "another provided" : "an existing";
    return `ERR Prefix '${quote(prefix)}' overlaps with ${which} prefix ` +
      `'${quote(found ?? another!)}'. Prefixes for a single client must not overlap.`;
  }
  return null;
}

/** Whether one of them begins with the other. */
function overlaps(a: Uint8Array, b: Uint8Array): boolean {
  return beginsWith(a, 0, a.length, b) || beginsWith(b, 0, b.length, a);
}

function quote(prefix: Uint8Array): string {
  return quotedText(prefix, quotedBytesMax);
}

/** CLIENT CACHING <YES | NO> */
function clientCaching(context: CommandContext): void {
  const { reply, session } = context;
  const { tracking } = session;
  if (tracking === null) {
    return reply.error(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or " +
        "OPTOUT mode enabled",
    );
  }
  const isYes = context.is(2, "YES");
  if (!isYes && !context.is(2, "NO")) return context.syntaxError();
  const [answer, mode] = isYes ? ["YES", "OPTIN"] : ["NO", "OPTOUT"];
  if (!(isYes ? tracking.options.isOptIn : tracking.options.isOptOut)) {
    return reply.error(
      `ERR CLIENT CACHING ${answer} is only valid when tracking is enabled in ${mode} mode.`,
    );
  }
  tracking.isCachingGiven = true;
  reply.ok();
}

/** CLIENT GETREDIR */
function clientGetredir({ reply, session }: CommandContext): void {
  reply.integer(session.tracking?.options.redirection ?? -1);
}

/** CLIENT TRACKINGINFO */
function clientTrackinginfo({ reply, session }: CommandContext): void {
  const { tracking } = session;
  const options = tracking?.options;
  const isGiven = tracking?.isCachingGiven ?? false;
  const flags = [
    [tracking === null ? "off" : "on", true],
    ["bcast", options?.isBroadcast],
    ["optin", options?.isOptIn],
    ["caching-yes", options?.isOptIn && isGiven],
    ["optout", options?.isOptOut],
    ["caching-no", options?.isOptOut && isGiven],
    ["noloop", options?.isNoLoop],
    ["broken_redirect", tracking?.isRedirectionBroken],
  ].flatMap(([name, isSet]) => isSet ? [name as string] : []);
  reply.map(3);
  reply.bulkText("flags");
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText("redirect");
  reply.integer(options?.redirection ?? -1);
  reply.bulkText("prefixes");
  const prefixes = tracking?.prefixes ?? [];
  reply.array(prefixes.length);
  for (const prefix of prefixes) reply.bulk(prefix, 0, prefix.length);
}

export const trackingHandlers: Record<string, Handler> = {
  "client|caching": clientCaching,
  "client|getredir": clientGetredir,
  "client|tracking": clientTracking,
  "client|trackinginfo": clientTrackinginfo,
};
