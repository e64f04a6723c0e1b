// The Worker: all requests go to one Durable Object, in which the Go program runs. A Worker alone could not run it well: what a
// request has opened there, a connection to a git host or a timer, ends with it, and no other request may touch it, so that each
// would have a Go program of its own, and nothing would be shared. The requests to one object share all. It has a disk, too.
import { DurableObject } from "cloudflare:workers";
import { start } from "./exchange.mjs";

export class Vanity extends DurableObject {
  constructor(state, env) {
    super(state, env);
    // A program that has ended answers nothing any more: the object goes with it, and the next request makes a new one.
    const ended = () => state.abort("the Go program has ended: the log says why");
    state.blockConcurrencyWhile(async () => {
      this.serve = await start({ env, sql: state.storage.sql }, ended);
    });
  }

  fetch(request) {
    return this.serve(request);
  }
}

export default {
  async fetch(request, env) {
    try {
      return await env.VANITY.get(env.VANITY.idFromName("vanity")).fetch(request);
    } catch (error) {
      console.error(`${error}`);
      const headers = { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "Retry-After": "30" };
      return new Response("this server can't answer now; its owner finds the cause in its log; try again in 30 seconds\n", { status: 503, headers });
    }
  },
};
