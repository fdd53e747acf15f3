import { assert, assertEquals } from "@std/assert";
import type { LatencyMonitor } from "../../../src/commands/latency_monitor.ts";
import { type TurnMember, Turns } from "../../../src/server/turns.ts";
import { Pauses } from "../../../src/store/pauses.ts";
import type { Store } from "../../../src/store/store.ts";

/** Turns of a store that has nothing to do. */
function idleTurns(): { turns: Turns; clock: Clock; pauses: Pauses } {
  const nothing = () => {};
  const clock = new Clock();
  const pauses = new Pauses(() => clock.microseconds, () => 0);
  const store = {
    ahead: { isEnough: false, clear: nothing, load: nothing },
    beginTurn: nothing,
    endTurn: nothing,
    tick: nothing,
    syncBriefly: () => 0,
    pauses,
  };
  const latency = { note: nothing, noteStretch: nothing } as unknown as LatencyMonitor;
  const turns = new Turns(store as unknown as Store, latency);
  return { turns, clock, pauses };
}

/** Goes on only when it is told to: no other process can make a turn longer. */
class Clock {
  microseconds = 0;
}

/** Has requests, each of which takes a time and has a reply of some length; notes what happens to it. */
class Member implements TurnMember {
  readonly pendingBytes = 30;
  replyBytes = 0;
  #left: number;
  readonly #name: string;
  readonly #events: string[];
  readonly #clock: Clock;
  readonly #busyMs: number;
  readonly #bytes: number;
  onEnd: () => void = () => {};

  constructor(
    name: string,
    { events, clock }: { events: string[]; clock: Clock },
    requests: number,
    busyMs: number,
    bytes: number,
  ) {
    this.#name = name;
    this.#events = events;
    this.#clock = clock;
    this.#left = requests;
    this.#busyMs = busyMs;
    this.#bytes = bytes;
  }

  lookAhead(): void {}

  runSome(): boolean {
    this.#clock.microseconds += this.#busyMs * 1000;
    this.#events.push(`run ${this.#name}`);
    this.replyBytes += this.#bytes;
    return --this.#left > 0;
  }

  endTurn(): void {
    this.#events.push(`end ${this.#name}`);
    this.replyBytes = 0;
    this.onEnd();
  }
}

const longReply = 2 ** 20;

function untilEnded(members: readonly Member[]): Promise<unknown> {
  return Promise.all(
    members.map((member) => new Promise<void>((resolve) => member.onEnd = resolve)),
  );
}

Deno.test("a turn of long replies leaves those to another one that it would make too long", async () => {
  const { turns, clock, pauses } = idleTurns();
  const events: string[] = [];
  const names = Array.from({ length: 12 }, (_, i) => String(i));
  const members = names.map((name) => new Member(name, { events, clock }, 1, 1.1, longReply));
  const ended = untilEnded(members);
  for (const member of members) turns.join(member);
  await ended;
  for (const kind of ["run", "end"]) {
    const those = events.filter((event) => event.startsWith(kind));
    assertEquals(those, names.map((name) => `${kind} ${name}`));
  }
  // Three of them take longer than 3 ms.
  assertEquals(events.slice(0, 4), ["run 0", "run 1", "run 2", "end 0"]);
  assert(pauses.all.total >= 4, `${pauses.all.total} turns`);
});

Deno.test("who comes meanwhile is served before those that were left", async () => {
  const { turns, clock } = idleTurns();
  const events: string[] = [];
  const long = ["a", "b", "c"].map((name) => new Member(name, { events, clock }, 1, 4, longReply));
  const late = new Member("late", { events, clock }, 1, 0, 10);
  const ended = untilEnded([...long, late]);
  for (const member of long) turns.join(member);
  // Behind the first turn, which leaves two of them; they wait for the event loop.
  await Promise.resolve();
  assertEquals(events, ["run a", "end a"]);
  turns.join(late);
  await ended;
  assert(events.indexOf("end late") < events.indexOf("run c"), events.join(", "));
});

Deno.test("a member that has more is not told of the end before all of it has run", async () => {
  const { turns, clock } = idleTurns();
  const events: string[] = [];
  const members = [
    new Member("a", { events, clock }, 5, 2, longReply),
    new Member("b", { events, clock }, 1, 0, 10),
  ];
  const ended = untilEnded(members);
  for (const member of members) turns.join(member);
  await ended;
  const count = (event: string) => events.filter((one) => one === event).length;
  assertEquals([count("run a"), count("end a"), count("run b"), count("end b")], [5, 1, 1, 1]);
  assertEquals(events.at(-1), "end a");
});

Deno.test("short replies are run in one turn", async () => {
  const { turns, clock, pauses } = idleTurns();
  const events: string[] = [];
  const members = Array.from(
    { length: 50 },
    (_, i) => new Member(String(i), { events, clock }, 3, 0, 10),
  );
  const ended = untilEnded(members);
  for (const member of members) turns.join(member);
  await ended;
  assertEquals(pauses.all.total, 1);
  assertEquals(events.length, 200);
});
