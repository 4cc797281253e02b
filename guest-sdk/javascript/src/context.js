import { durable, durableAllSettled } from "./durable.js";
import { Failure } from "./failure.js";
import { crossing, host } from "./host.js";
import { allOf, fetch, fetchAllSettled } from "./http.js";
import { writeJson } from "./json.js";
import { jsonText, Memory } from "./memory.js";

export class Context {
  #event;

  constructor(event) {
    this.#event = event;
    this.memory = new Memory("short-term");
    this.sensory = new Memory("sensory");
  }

  emit(kind, payload) {
    return host().emit(crossing(kind, "an event's kind"), writeJson(payload, `the payload of event \`${kind}\``));
  }

  emitText(kind, json) {
    return host().emit(crossing(kind, "an event's kind"), jsonText(json, `event \`${kind}\``));
  }

  output(payload) {
    return host().emit("output", writeJson(payload, "the output"));
  }

  durable(name, args, body, options) {
    return durable(name, args, body, options);
  }

  durableAll(calls) {
    return allOf(durableAllSettled(calls));
  }

  durableAllSettled(calls) {
    return durableAllSettled(calls);
  }

  fetch(url, options) {
    return fetch(url, options);
  }

  get(url, options) {
    return fetch(url, { ...options, method: "GET" });
  }

  post(url, json, options) {
    return fetch(url, { ...options, method: "POST", json });
  }

  put(url, json, options) {
    return fetch(url, { ...options, method: "PUT", json });
  }

  patch(url, json, options) {
    return fetch(url, { ...options, method: "PATCH", json });
  }

  delete(url, options) {
    return fetch(url, { ...options, method: "DELETE" });
  }

  fetchAll(requests) {
    return allOf(fetchAllSettled(requests));
  }

  fetchAllSettled(requests) {
    return fetchAllSettled(requests);
  }

  get key() {
    return host().key();
  }

  get keyIsText() {
    return host().keyIsText();
  }

  get sequenceNumber() {
    return host().sequenceNumber();
  }

  get eventId() {
    return this.#event.id;
  }

  get eventKind() {
    return this.#event.kind;
  }

  get eventText() {
    return this.#event.payload;
  }

  get sourceTimestampMs() {
    return host().sourceTimestampMs() ?? undefined;
  }

  header(name) {
    return host().header(crossing(name, "a header's name")) ?? undefined;
  }

  nowMs() {
    return host().nowMs();
  }

  randomU32() {
    return host().randomU32();
  }

  config(name) {
    return host().config(crossing(name, "a setting's name")) ?? undefined;
  }

  requiredConfig(name) {
    const value = this.config(name);
    if (value !== undefined) return value;
    throw new Failure("config", `the manifest gives no config.${name}: add it to this [[component]]`);
  }
}
