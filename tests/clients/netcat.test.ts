/** The protocol typed by hand. */
import { assertEquals } from "@std/assert";
import { hasUnixSocketNetcat, runTool } from "../support/real_tools.ts";
import { TestServer } from "../support/test_server.ts";

const ignore = !hasUnixSocketNetcat();

Deno.test({
  name: "nc gets the replies to lines of text, and the end behind them",
  ignore,
  async fn() {
    await using server = await TestServer.start();
    const input = "SET foo bar\nGET foo\nDEL foo\n";
    const { code, stdout } = await runTool("nc", ["-U", "-N", server.socketPath], { input });
    assertEquals({ code, stdout }, { code: 0, stdout: "+OK\r\n$3\r\nbar\r\n:1\r\n" });
  },
});

Deno.test({
  name: "nc without -N ends when the server closes after QUIT",
  ignore,
  async fn() {
    await using server = await TestServer.start();
    const input = 'set greeting "hello world"\r\nget greeting\r\nquit\r\n';
    const { code, stdout } = await runTool("nc", ["-U", server.socketPath], { input });
    assertEquals({ code, stdout }, { code: 0, stdout: "+OK\r\n$11\r\nhello world\r\n+OK\r\n" });
  },
});

Deno.test({
  name: "nc gets an error for what is no command, and the rest is run",
  ignore,
  async fn() {
    await using server = await TestServer.start();
    const input = "HELP me\nPING\n";
    const { stdout } = await runTool("nc", ["-U", "-N", server.socketPath], { input });
    const error = "-ERR unknown command 'HELP', with args beginning with: 'me' \r\n";
    assertEquals(stdout, `${error}+PONG\r\n`);
  },
});
