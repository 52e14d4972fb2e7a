// The connection to the console: one websocket, made anew when it is lost.
const WRONG_TOKEN = 4401;
const KEY = "wigwag-token";

export class Link {
  constructor({ onNews, onPreview, onState, onDoor }) {
    Object.assign(this, { onNews, onPreview, onState, onDoor });
    this.waiting = new Map();
    this.number = 0;
    this.retry_ms = 500;
    // The token stays out of the address bar, and out of what is bookmarked or shared.
    if (location.hash.length > 1) {
      sessionStorage.setItem(KEY, decodeURIComponent(location.hash.slice(1)));
      history.replaceState(null, "", location.pathname);
    }
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/socket`);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send(JSON.stringify({ token: sessionStorage.getItem(KEY) ?? "" }));
    };
    socket.onmessage = ({ data }) => {
      this.retry_ms = 500;
      if (typeof data === "string") this.take(JSON.parse(data));
      else this.onPreview(data);
    };
    socket.onclose = ({ code, reason }) => {
      for (const settle of this.waiting.values()) settle({ ok: false, error: "the connection was lost" });
      this.waiting.clear();
      if (code === WRONG_TOKEN) {
        const tried = sessionStorage.getItem(KEY);
        sessionStorage.removeItem(KEY);
        this.onState("no entry", false);
        this.onDoor(tried ? "That token is wrong." : "");
        return;
      }
      this.onState(reason || "no connection to the console, trying again", false);
      setTimeout(() => this.open(), this.retry_ms);
      this.retry_ms = Math.min(5000, this.retry_ms * 2);
    };
  }

  enter(token) {
    sessionStorage.setItem(KEY, token);
    this.open();
  }

  take(news) {
    if (news.kind !== "answer") return this.onNews(news);
    this.waiting.get(news.id)?.(news);
    this.waiting.delete(news.id);
  }

  // The answer to a request; never rejects: an answer that is not ok has an error.
  ask(to, command, fields = {}) {
    if (this.socket.readyState !== WebSocket.OPEN) {
      return Promise.resolve({ ok: false, error: "no connection to the console" });
    }
    const id = ++this.number;
    this.socket.send(JSON.stringify({ id, to, command, ...fields }));
    return new Promise((settle) => this.waiting.set(id, settle));
  }

  // Says that whoever holds a lesson is still here.
  stillHere() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send('{"alive":true}');
  }
}
