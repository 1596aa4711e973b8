// One charging station of OCPP 1.6 in k6: a connection that it keeps up, one CALL at a time, every CALL repeated until it is
// answered. Who is lost and who is doubled is the fleet simulator's to judge (bench/fleet); here it is how long things take.
import { Counter, Rate, Trend } from "k6/metrics";
import { WebSocket } from "k6/websockets";

/** From the dial to the open socket, ms. */
export const connectMs = new Trend("ocpp_connect_ms", true);
/** From the dial to the answered boot, ms; of stations that come back too. */
export const bootedMs = new Trend("ocpp_booted_ms", true);
/** From a CALL to its answer, ms. */
export const answerMs = new Trend("ocpp_answer_ms", true);
/** From the loss of a connection to an answered boot on the next one, ms. */
export const backMs = new Trend("ocpp_back_ms", true);
/** CALLs that had no answer at all when the run ended: 0 is whole. */
export const unanswered = new Counter("ocpp_unanswered");
/** Stations that were online when the run ended. */
export const online = new Rate("ocpp_online");
/** Closes by the server, by code. */
export const closes = new Counter("ocpp_closes");
/** Closes by the server that say anything but "this node restarts" (1012). */
export const oddCloses = new Counter("ocpp_odd_closes");
/** CALLERRORs: none is expected. */
export const callErrors = new Counter("ocpp_call_errors");
/** CALLs that were answered. */
export const answered = new Counter("ocpp_answered");

const firstBackoffMs = 200;
const mostBackoffMs = 5_000;
const errorMs = 20;
const lookMs = 100;
/** Of a WebSocket. */
const openState = 1;

export class Station {
  /**
   * @param options.urls of gateways; a station that lost one tries the next.
   * @param options.onCommand (action, payload) => payload of the answer
   */
  constructor({ id, urls, first = 0, onCommand = () => ({ status: "Accepted" }) }) {
    this.id = id;
    this.urls = urls;
    this.next = first;
    this.onCommand = onCommand;
    this.count = 0;
    this.backoffMs = firstBackoffMs;
    this.isBooted = false;
    this.isEnded = false;
    /** Its own doing: the next close is none of the server's. */
    this.isCut = false;
    /** The CALL that waits for its answer, and those behind it. */
    this.queue = [];
    this.lostAt = undefined;
  }

  connect() {
    const dialedAt = Date.now();
    const url = this.urls[this.next++ % this.urls.length];
    const socket = new WebSocket(`${url.replace(/\/$/, "")}/${this.id}`, ["ocpp1.6"]);
    this.socket = socket;
    this.isOpen = false;
    socket.addEventListener("open", () => {
      this.isOpen = true;
      connectMs.add(Date.now() - dialedAt);
      this.boot(dialedAt);
    });
    socket.addEventListener("message", ({ data }) => this.heard(JSON.parse(data)));
    // A refused upgrade may be an error alone; a close by the server is an error first, and then a close with its code.
    socket.addEventListener("error", () => setTimeout(() => this.lost(socket, undefined), errorMs));
    socket.addEventListener("close", ({ code }) => this.lost(socket, code));
  }

  /** Queued; repeated on the next connection where this one ends before the answer. */
  call(action, payload) {
    this.queue.push({ id: `${this.count++}`, action, payload, sentAt: undefined });
    if (this.isBooted && this.queue.length === 1) this.send();
  }

  /** Cuts the line as a lost link would, and comes back. */
  cut() {
    this.isCut = true;
    if (this.socket && this.isOpen) this.socket.close();
  }

  /** Ends once it is online and everything is answered, or after so many ms. */
  finish(patienceMs) {
    const until = Date.now() + patienceMs;
    const look = () => {
      if ((this.isBooted && this.queue.length === 0) || Date.now() >= until) this.end();
      else setTimeout(look, lookMs);
    };
    look();
  }

  /** What is open is counted, and the line closed. */
  end() {
    this.isEnded = true;
    online.add(this.isBooted);
    unanswered.add(this.queue.length);
    if (this.socket && this.isOpen) this.socket.close();
  }

  boot(dialedAt) {
    const id = `boot-${this.count++}`;
    this.onBoot = () => {
      bootedMs.add(Date.now() - dialedAt);
      if (this.lostAt !== undefined) backMs.add(Date.now() - this.lostAt);
      this.lostAt = undefined;
      this.isBooted = true;
      this.backoffMs = firstBackoffMs;
      if (this.queue.length > 0) this.send();
    };
    this.bootId = id;
    this.write([2, id, "BootNotification", { chargePointVendor: "k6", chargePointModel: "load" }]);
  }

  send() {
    const [call] = this.queue;
    call.sentAt = Date.now();
    this.write([2, call.id, call.action, call.payload]);
  }

  heard([type, id, ...rest]) {
    if (type === 2) {
      const [action, payload] = rest;
      return this.write([3, id, this.onCommand(action, payload)]);
    }
    if (type === 4) callErrors.add(1);
    if (id === this.bootId) return this.onBoot();
    const [call] = this.queue;
    if (!call || call.id !== id) return;
    answerMs.add(Date.now() - call.sentAt);
    answered.add(1);
    this.queue.shift();
    if (this.queue.length > 0) this.send();
  }

  lost(socket, code) {
    // An error and a close may tell of the same loss.
    if (socket !== this.socket) return;
    this.socket = undefined;
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.isBooted = false;
    if (this.isEnded) return;
    if (wasOpen) {
      this.lostAt ??= Date.now();
      if (code !== undefined) closes.add(1, { code: `${code}` });
      if (code !== 1012 && !this.isCut) oddCloses.add(1);
      this.isCut = false;
    }
    const pause = wasOpen ? Math.random() * firstBackoffMs : this.backoffMs * (0.5 + Math.random());
    if (!wasOpen) this.backoffMs = Math.min(mostBackoffMs, this.backoffMs * 2);
    setTimeout(() => !this.isEnded && this.connect(), pause);
  }

  write(frame) {
    // A socket that closes takes nothing more: what waits goes out on the next one.
    if (this.socket && this.socket.readyState === openState) this.socket.send(JSON.stringify(frame));
  }
}
