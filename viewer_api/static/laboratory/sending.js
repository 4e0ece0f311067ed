// Files on their way by tus (tus-js-client): a few at one time, each resumed where it stopped.
//
// Nothing is noted in this browser: it may be a shared one. What was begun is known by the service, to whoever
// signs in, and so a file goes on from any machine on which it is chosen again.
import "../tus-js-client-4.3.1/tus.min.js";

const ENDPOINT = "/uploads";
const AT_ONCE = 3;
/** Of one request. A proxy that keeps a body until it is whole keeps no more. */
const CHUNK_BYTES = 32 * 1024 * 1024;
const RETRY_MS = [0, 1000, 3000, 5000, 10000, 20000, 30000];

export class Sending {
  /** `begunBefore(metadata, size)` is the address of an upload that stopped; `changed(item)` is told of each step. */
  constructor(begunBefore, changed) {
    this.begunBefore = begunBefore;
    this.changed = changed;
    this.waiting = [];
    this.going = new Set();
  }

  get isBusy() {
    return this.going.size + this.waiting.length > 0;
  }

  add({ file, path, batch, leads }) {
    const metadata = { filename: file.name, filetype: file.type, modified: String(file.lastModified) };
    if (path) metadata.relativePath = path;
    if (batch) metadata.batch = batch;
    if (!leads) metadata.belongs = "";
    const item = { leads, batch, file, name: file.name, size: file.size, metadata, sent: 0, url: null, error: "", isDone: false };
    this.waiting.push(item);
    this.next();
    return item;
  }

  again(item) {
    item.error = "";
    this.waiting.push(item);
    this.next();
  }

  async drop(item) {
    this.waiting = this.waiting.filter((each) => each !== item);
    if (this.going.delete(item)) await item.upload.abort();
    this.next();
  }

  next() {
    while (this.going.size < AT_ONCE && this.waiting.length) {
      const item = this.waiting.shift();
      this.going.add(item);
      this.send(item);
    }
  }

  send(item) {
    const end = (error) => {
      item.error = error;
      item.isDone = !error;
      this.going.delete(item);
      this.changed(item);
      this.next();
    };
    item.upload = new window.tus.Upload(item.file, {
      endpoint: ENDPOINT,
      uploadUrl: item.url ?? this.begunBefore(item.metadata, item.size) ?? null,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_MS,
      metadata: item.metadata,
      storeFingerprintForResuming: false,
      onUploadUrlAvailable: () => {
        item.url = new URL(item.upload.url, location.href).pathname;
        this.changed(item);
      },
      onProgress: (sent) => {
        item.sent = sent;
        this.changed(item);
      },
      onSuccess: () => end(""),
      onError: (error) => end(wordsOf(error)),
    });
    this.changed(item);
    item.upload.start();
  }
}

function wordsOf(error) {
  const answer = error.originalResponse;
  switch (answer?.getStatus()) {
    case undefined:
    case 0:
      return "The connection was lost.";
    case 401:
      return "You have been signed out. Sign in again in another tab, then try again here.";
    case 403:
      return "Your account may not add files.";
    case 413:
      return "It is larger than this service takes.";
    case 507:
      return detailOf(answer) ?? "There is no room for it.";
    default:
      return detailOf(answer) ?? "The service cannot take it just now.";
  }
}

function detailOf(answer) {
  try {
    const { title, detail } = JSON.parse(answer.getBody());
    return [title, detail].filter(Boolean).join(": ");
  } catch {
    return null;
  }
}
