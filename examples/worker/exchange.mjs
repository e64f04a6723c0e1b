// What is between the fetch API and the Go program: see internal/fetch for the other half.
import "./dist/wasm_exec.js";
import program from "./dist/vanity.wasm";

// start runs the Go program, and gives the function that answers requests. The program finds the host in globalThis.goHost as
// it begins, and puts its function serve there. When it ends, of whatever cause, ended is called.
export async function start(host, ended) {
  const go = new Go();
  const instance = await WebAssembly.instantiate(program, go.importObject);
  globalThis.goHost = host;
  const run = go.run(instance); // until it waits for the first time, without a break
  delete globalThis.goHost;
  if (go.exited || !host.serve) {
    throw new Error("the Go program has ended: the log says why");
  }
  run.then(ended, ended);
  const resume = go._resume;
  go._resume = () => {
    try {
      resume.call(go);
    } catch (error) { // a trap, or the stack is exhausted: there is no way on
      ended();
      throw error;
    }
  };
  return (request) => {
    const exchange = new Exchange(request);
    host.serve(exchange);
    return exchange.answer;
  };
}

// An Exchange is a request and its answer, as Go sees them.
class Exchange {
  constructor(request) {
    this.method = request.method;
    this.url = request.url;
    this.headers = [...request.headers].flat();
    this.body = request.body;
    this.gone = null; // Go's function for when nobody waits any more
    this.answer = new Promise((resolve) => { this.resolve = resolve; });
    request.signal.addEventListener("abort", () => this.gone?.());
  }

  init(status, headers) {
    const init = { status, headers: new Headers(), encodeBody: "manual" }; // as Go has encoded it
    for (let i = 0; i < headers.length; i += 2) {
      init.headers.append(headers[i], headers[i + 1]);
    }
    return init;
  }

  // whole answers with all of the body, null for none.
  whole(status, headers, bytes) {
    this.resolve(new Response(bytes, this.init(status, headers)));
  }

  // begin answers with a body that comes by write, of so many bytes, or of unknown length if that is negative.
  begin(status, headers, length) {
    const stream = length < 0 ? new IdentityTransformStream() : new FixedLengthStream(length);
    const response = new Response(stream.readable, this.init(status, headers));
    this.writer = stream.writable.getWriter();
    this.writer.closed.catch(() => this.gone?.());
    this.resolve(response);
  }

  // write gives a promise that is kept when the client has taken the bytes, and broken when it is gone.
  write(bytes) {
    return this.writer.write(bytes);
  }

  close() {
    return this.writer.close();
  }

  // abort ends the body so that the client sees that it is not whole.
  abort(reason) {
    return this.writer.abort(new Error(reason));
  }
}
