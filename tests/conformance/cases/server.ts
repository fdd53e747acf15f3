/** Cases of the commands on the server. */
import { type ConformanceCase, inAnyOrder } from "../case.ts";

export const serverCases: readonly ConformanceCase[] = [
  {
    name: "TIME is the time of day in seconds and microseconds",
    steps: [
      ["TIME", /^\*2\r\n\$10\r\n\d{10}\r\n\$\d\r\n\d{1,6}\r\n$/],
    ],
  },
  {
    name: "SAVE returns when everything is on disk",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["SAVE", "+OK\r\n"],
      ["LASTSAVE", /^:\d{10}\r\n$/],
    ],
  },
  {
    name: "ROLE is that of a server without replicas",
    steps: [
      ["ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"],
      ["ROLE x", "-ERR wrong number of arguments for 'role' command\r\n"],
    ],
  },
  {
    name: "WAIT waits for replicas, of which there are none, for its time",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["WAIT 0 0", ":0\r\n"],
      ["WAIT -1 0", ":0\r\n"],
      ["WAIT 0 100000", ":0\r\n"],
      ["WAIT 1 1", ":0\r\n"],
      ["WAIT x 1", "-ERR value is not an integer or out of range\r\n"],
      ["WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n"],
      ["WAIT 1 -1", "-ERR timeout is negative\r\n"],
      ["WAIT 1", "-ERR wrong number of arguments for 'wait' command\r\n"],
      ["MULTI", "+OK\r\n"],
      ["WAIT 1 100000", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n:0\r\n"],
    ],
  },
  {
    name:
      "reads of commands that write count as hits and misses, and other lookups of theirs do not",
    steps: [
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["SET a 1", "+OK\r\n"],
      ["SET a 2", "+OK\r\n"],
      ["INCR n", ":1\r\n"],
      ["APPEND a x", ":2\r\n"],
      ["DEL none", ":0\r\n"],
      ["INFO stats", /keyspace_hits:0\r\nkeyspace_misses:0\r\n/],
      ["GETEX a", "$2\r\n2x\r\n"],
      ["GETEX none", "$-1\r\n"],
      ["GETDEL none", "$-1\r\n"],
      ["GETSET new 1", "$-1\r\n"],
      ["SET a 3 GET", "$2\r\n2x\r\n"],
      ["COPY none z", ":0\r\n"],
      ["COPY a z", ":1\r\n"],
      ["INFO stats", /keyspace_hits:3\r\nkeyspace_misses:4\r\n/],
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["INFO stats", /keyspace_hits:0\r\nkeyspace_misses:0\r\n/],
    ],
  },
  {
    name: "BGSAVE returns at once",
    steps: [
      ["BGSAVE", "+Background saving started\r\n"],
      ["SET a 1", "+OK\r\n"],
    ],
  },
  {
    name: "BGSAVE and SAVE refuse other options",
    steps: [
      ["BGSAVE FOO", "-ERR syntax error\r\n"],
      ["BGSAVE SCHEDULE FOO", "-ERR syntax error\r\n"],
      ["SAVE FOO", "-ERR wrong number of arguments for 'save' command\r\n"],
    ],
  },
  {
    name: "INFO has sections of fields",
    steps: [
      [
        "INFO server",
        /^\$\d+\r\n# Server\r\nredis_version:7\.0\.\d+\r\n([^\r\n]+:[^\r\n]*\r\n)+\r\n$/,
      ],
      [
        "INFO",
        /^\$\d+\r\n# Server\r\n[^]*\r\n# Clients\r\nconnected_clients:\d+\r\n[^]*\r\n# Memory\r\n[^]*\r\n# Persistence\r\n[^]*\r\n# Stats\r\n[^]*\r\n# Replication\r\n[^]*\r\n# CPU\r\n/,
      ],
      ["INFO clients stats", /^\$\d+\r\n# Clients\r\n[^]*\r\n\r\n# Stats\r\n[^#]*$/],
      ["INFO EVERYTHING", /\r\n# Commandstats\r\n/],
      ["INFO all", /\r\n# Commandstats\r\n/],
      ["INFO default", /^\$\d+\r\n# Server\r\n/],
      ["INFO nosuchsection", "$0\r\n\r\n"],
      ["INFO replication", /^\$\d+\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n/],
    ],
  },
  {
    name: "INFO keyspace counts keys, and those with a deadline",
    steps: [
      ["INFO keyspace", "$12\r\n# Keyspace\r\n\r\n"],
      ["MSET a 1 b 2 c 3", "+OK\r\n"],
      ["EXPIREAT a 4102444800", ":1\r\n"],
      ["INFO keyspace", /^\$\d+\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=\d+\r\n\r\n$/],
    ],
  },
  {
    name: "INFO commandstats counts calls, refusals and failures",
    steps: [
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["GET a", "$-1\r\n"],
      ["GET a", "$-1\r\n"],
      ["GET", "-ERR wrong number of arguments for 'get' command\r\n"],
      ["SET text abc", "+OK\r\n"],
      ["INCR text", "-ERR value is not an integer or out of range\r\n"],
      [
        "INFO commandstats",
        /cmdstat_get:calls=2,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0\r\n/,
      ],
      [
        "INFO commandstats",
        /cmdstat_incr:calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=1\r\n/,
      ],
      ["INFO errorstats", /# Errorstats\r\nerrorstat_ERR:count=2\r\n/],
    ],
  },
  {
    name: "CONFIG RESETSTAT sets the counters back",
    steps: [
      ["GET missing", "$-1\r\n"],
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["INFO stats", /\r\nkeyspace_misses:0\r\n/],
      ["GET missing", "$-1\r\n"],
      ["INFO stats", /\r\nkeyspace_misses:1\r\n/],
    ],
  },
  {
    name: "CONFIG GET finds parameters by name and by pattern",
    steps: [
      ["CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"],
      ["CONFIG GET TimeOut", "*2\r\n$7\r\nTimeOut\r\n$1\r\n0\r\n"],
      ["CONFIG GET nosuchparameter", "*0\r\n"],
      ["CONFIG GET timeou[t]", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"],
      ["CONFIG GET timeout nosuchparameter timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"],
      ["CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"],
      ["CONFIG GET port", "*2\r\n$4\r\nport\r\n$1\r\n0\r\n"],
      [
        "CONFIG GET maxmemory maxmemory-policy",
        inAnyOrder(
          "$9\r\nmaxmemory\r\n",
          "$1\r\n0\r\n",
          "$16\r\nmaxmemory-policy\r\n",
          "$10\r\nnoeviction\r\n",
        ),
      ],
      ["CONFIG GET proto-max-bulk-len", "*2\r\n$18\r\nproto-max-bulk-len\r\n$9\r\n536870912\r\n"],
    ],
  },
  {
    name: "CONFIG SET changes parameters, all or none",
    steps: [
      ["CONFIG SET timeout 500", "+OK\r\n"],
      ["CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$3\r\n500\r\n"],
      ["CONFIG SET TIMEOUT 600 appendfsync always", "+OK\r\n"],
      ["CONFIG GET appendfsync", "*2\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n"],
      [
        "CONFIG SET timeout 700 timeout 800",
        "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter\r\n",
      ],
      [
        "CONFIG SET timeout 700 appendfsync sometimes",
        "-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the following: everysec, always, no\r\n",
      ],
      ["CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$3\r\n600\r\n"],
      ["CONFIG SET timeout 0 appendfsync everysec", "+OK\r\n"],
      [["CONFIG", "SET", "save", ""], "+OK\r\n"],
    ],
  },
  {
    name: "CONFIG SET refuses what it does not know",
    steps: [
      [
        "CONFIG SET nosuchparameter 1",
        "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuchparameter'\r\n",
      ],
      ["CONFIG SET timeout", "-ERR wrong number of arguments for 'config|set' command\r\n"],
      ["CONFIG SET timeout 1 appendfsync", "-ERR syntax error\r\n"],
      [
        "CONFIG SET timeout abc",
        "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer\r\n",
      ],
      [
        "CONFIG SET timeout -1",
        "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be between 0 and 2147483647 inclusive\r\n",
      ],
      [
        "CONFIG SET timeout 2147483648",
        "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be between 0 and 2147483647 inclusive\r\n",
      ],
      [
        "CONFIG SET databases 3",
        "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config\r\n",
      ],
      [
        "CONFIG SET appendfsync sometimes",
        "-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the following: everysec, always, no\r\n",
      ],
      [
        "CONFIG SET maxmemory abc",
        "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value\r\n",
      ],
      [
        "CONFIG SET maxmemory-policy nonsense",
        "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction\r\n",
      ],
      [
        "CONFIG SET dir /",
        "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config\r\n",
      ],
      ["CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"],
    ],
  },
  {
    name: "CONFIG REWRITE needs a file",
    steps: [
      ["CONFIG REWRITE", "-ERR The server is running without a config file\r\n"],
    ],
  },
];
