// The list of files: each with its state in words, its progress, and what can be done about it.
import { whose } from "./case.js";

const IN_WORDS = {
  whole: "Sent. Waits for its details.",
  waiting: "Sent. Waits to be made into DICOM.",
  converting: "Being made into DICOM.",
  asked: "Needs something from you.",
  refused: "Cannot be made into DICOM.",
  kept: "Kept.",
};

const WITH_ANOTHER = "Sent. Waits for the file that it belongs to.";
const UNDERSTOOD = "is understood here: ";

const bytes = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

export class Rows {
  constructor(list, template, acts) {
    this.list = list;
    this.template = template;
    this.acts = acts;
    this.rows = new Set();
    this.byUrl = new Map();
  }

  /** Of a file that this page sends. */
  ofItem(item) {
    const row = this.make({ item, upload: null });
    this.list.prepend(row.element);
    this.show(row);
    return row;
  }

  /** This page's item has an address now; what the service told of it before is the same file. */
  join(row) {
    const url = row.item?.url;
    const other = url && this.byUrl.get(url);
    if (!url || other === row) return;
    if (other) {
      row.upload = other.upload;
      this.drop(other);
    }
    this.byUrl.set(url, row);
  }

  /** Told by the service. */
  ofUpload(upload) {
    const row = this.byUrl.get(upload.url) ?? this.make({ item: null, upload });
    if (!row.element.isConnected) this.list.append(row.element);
    row.upload = upload;
    this.byUrl.set(upload.url, row);
    this.show(row);
    return row;
  }

  drop(row) {
    row.element.remove();
    this.rows.delete(row);
    for (const [url, each] of this.byUrl) if (each === row) this.byUrl.delete(url);
  }

  make(row) {
    row.element = this.template.content.firstElementChild.cloneNode(true);
    this.rows.add(row);
    return row;
  }

  show(row) {
    const part = (name) => row.element.querySelector(`.imx-file__${name}`);
    const [state, percent] = standing(row, this.acts.asks);
    const name = row.item?.name ?? row.upload.name;
    part("name").textContent = name;
    part("whose").textContent = whose(row.upload?.case);
    part("state").textContent = state;
    const progress = part("progress");
    progress.hidden = percent === null;
    if (percent === undefined) progress.removeAttribute("value");
    else progress.value = percent ?? 0;
    progress.setAttribute("aria-label", `Progress of ${name}`);
    row.element.dataset.state = stateOf(row);
    list(part("notes"), row.upload?.made?.notes ?? []);
    const understood = understoodIn(row.upload?.made);
    part("understood").hidden = !understood.length;
    list(part("understood").querySelector("ul"), understood);
    this.offer(row, part("do"), name);
  }

  /** What can be done. Buttons stay the same ones while nothing about them changes: one may have the focus. */
  offer(row, place, name) {
    const offered = this.offered(row);
    const key = offered.map(([does]) => does).join();
    if (place.dataset.offers === key) return;
    place.dataset.offers = key;
    place.replaceChildren(
      ...offered.map(([does, act]) => {
        const button = typeof act === "string" ? element("a", does) : element("button", does);
        if (typeof act === "string") button.href = act;
        else {
          button.type = "button";
          button.addEventListener("click", () => act(row));
        }
        button.className = "nhsuk-button nhsuk-button--small nhsuk-button--secondary";
        button.append(hidden(` ${name}`));
        return button;
      }),
    );
  }

  offered(row) {
    const { mend, use, again, remove } = this.acts;
    const change = isMendable(row) ? [["Mend the details", mend]] : [];
    switch (stateOf(row)) {
      case "kept":
        return [["Open", `/viewer/viewer?StudyInstanceUIDs=${encodeURIComponent(row.upload.made.study)}`], ["Clear", remove]];
      case "failed":
        return [["Try again", again], ...change, ["Remove", remove]];
      case "whole":
        return row.item || isCompanion(row.upload) ? [["Remove", remove]] : [["Use the details above", use], ["Remove", remove]];
      case "converting":
        return [];
      default:
        return [...change, ["Remove", remove]];
    }
  }
}

/** What the page goes by: the service's word, but for what only this page knows. */
export function stateOf({ item, upload }) {
  if (item?.error) return "failed";
  if (item && !item.isDone) return "sending";
  return upload?.state ?? "sending";
}

/** Whether it has details that may still be changed. */
export function isMendable({ upload }) {
  return Boolean(upload?.case) && !["converting", "kept"].includes(upload.state);
}

const isCompanion = (upload) => /(^|,)belongs( |,|$)/.test(upload.metadata);

function standing(row, asks) {
  const { item, upload } = row;
  switch (stateOf(row)) {
    case "failed":
      return [item.error, null];
    case "sending":
      return item.isDone ? ["Sent.", 100] : [`Sending: ${part(item.sent, item.size)}`, percent(item.sent, item.size)];
    case "receiving":
      return [`Stopped at ${part(upload.received, upload.length)}. To go on, choose the same file again.`, percent(upload.received, upload.length)];
    case "converting":
      return [IN_WORDS.converting, upload.done ? Math.min(99, percent(upload.done, upload.length)) : undefined];
    case "kept":
      return [keptIn(upload.made), null];
    case "asked":
      return [[IN_WORDS.asked, ...asks(upload).map(sentence)].join(" "), null];
    case "refused":
      return [`${IN_WORDS.refused} ${sentence(upload.made?.because.replace(/of what is understood here: .*/s, "of what is understood here"))}`, null];
    default:
      return [upload.state === "whole" && isCompanion(upload) ? WITH_ANOTHER : IN_WORDS[upload.state], null];
  }
}

/** A file that nothing here understands is refused with the list of what is. */
function understoodIn(made) {
  return made?.because.includes(UNDERSTOOD) ? made.because.split(UNDERSTOOD)[1].split("; ") : [];
}

function keptIn(made) {
  const count = made.instances?.length ?? 0;
  return `Kept as ${count === 1 ? "one object" : `${count} objects`} (${made.kind}).`;
}

const percent = (done, of) => (of ? Math.floor((100 * done) / of) : 100);
const part = (done, of) => `${size(done)} of ${size(of)}`;

function size(count) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]]) {
    if (count >= unit) return `${bytes.format(count / unit)} ${name}`;
  }
  return `${count} bytes`;
}

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "");

function list(into, texts) {
  into.hidden = !texts.length;
  into.replaceChildren(...texts.map((text) => element("li", text)));
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function hidden(text) {
  const made = element("span", text);
  made.className = "nhsuk-u-visually-hidden";
  return made;
}
