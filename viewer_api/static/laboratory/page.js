// Add files: the form, the files and what becomes of them, brought together.
import { CaseForm, textOf, whose } from "./case.js";
import { chosen, dropped } from "./choosing.js";
import { together } from "./belonging.js";
import { Rows, isMendable, stateOf } from "./rows.js";
import { Sending } from "./sending.js";

const TUS = { "Tus-Resumable": "1.0.0" };
const $ = (id) => document.getElementById(id);

const form = new CaseForm($("case"), $("problems"));
const rows = new Rows($("files"), $("file"), { mend, use, again, remove, asks: (upload) => problemsOf(upload).map(({ text }) => text) });
const sending = new Sending(begunBefore, changed);
const rowOf = new Map(); // by item

/** The details in force, which files that are added now get; null before any were accepted. */
let current = null;
/** The details that are being mended: the files that have them get what comes of it. Null: none are. */
let basis = null;

// The details -----------------------------------------------------------------------------------

$("case").addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = form.read();
  const answer = await post("/laboratory/case", said);
  if (!answer.ok) return form.say([{ path: "", text: await wordsOf(answer) }]);
  const { problems } = await answer.json();
  form.say(Object.entries(problems).map(([path, text]) => ({ path, text })));
  if (Object.keys(problems).length) return;
  const mended = basis && textOf(basis);
  current = said;
  basis = null;
  $("now").textContent = `Files that you add now are of ${whose(said) || "nobody yet: the files themselves may say"}.`;
  for (const row of rows.rows) {
    if (isCompanion(row)) continue;
    if (row.item && !row.upload?.case) {
      row.item.case = said; // given as soon as there is something to give it to
      deliver(row.item);
    } else if (mended && isMendable(row) && textOf(row.upload.case) === mended) {
      give(row, said);
    }
  }
});

$("clear-case").addEventListener("click", () => {
  current = basis = null;
  form.write({});
  $("now").textContent = "";
  $("order").value = "";
  $("order").focus();
});

/** A file of before, or of another machine, gets the details of nobody whom a person did not say for it. */
function use(row) {
  if (current) give(row, current);
  else form.say([{ path: "person.nhs_number", text: `Fill in whose ${row.upload.name} is, and choose “Use these details” first` }]);
}

async function give(row, said) {
  const answer = await fetch(`${row.upload?.url ?? row.item.url}/case`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(said),
  });
  if (answer.ok) rows.ofUpload(await answer.json());
  else form.say([{ path: "", text: await wordsOf(answer) }]);
  tell();
}

function mend(row) {
  basis = row.upload.case;
  form.write(basis);
  $("now").textContent = `These are the details of ${row.upload.name}.`;
  form.say(problemsOf(row.upload));
}

function problemsOf({ made, name }) {
  const words = (path, told) => {
    const field = form.field(path);
    return { path, text: field ? told(field) : `${name} needs ${path}, which this page does not ask: use imx wrap` };
  };
  return [
    ...(made?.missing ?? []).map((path) => words(path, (field) => field.dataset.ask)),
    ...(made?.contradicted ?? []).map((path) => words(path, (field) => `${labelOf(field)}: the file ${name} says otherwise. Check whose it is`)),
  ];
}

const labelOf = (field) => document.querySelector(`label[for="${field.id}"]`).textContent;

// An order: a barcode scanner types, and ends with Enter ------------------------------------------

$("order").addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    findOrder();
  }
});
$("find-order").addEventListener("click", findOrder);

async function findOrder() {
  const number = $("order").value.trim();
  if (!number) return;
  const answer = await post("/laboratory/order", { number });
  if (!answer.ok) {
    form.say([{ path: "", text: `${await wordsOf(answer)}. Check the number, or fill in the details yourself` }]);
    return;
  }
  form.write(await answer.json());
  $("now").textContent = "Filled in from the order. Check it, and choose “Use these details”.";
  $("say-case").focus();
}

// The files -------------------------------------------------------------------------------------

for (const id of ["choose-files", "choose-folder", "take-photograph"]) {
  $(id).addEventListener("change", (event) => {
    addAll([...chosen(event.target.files)]);
    event.target.value = "";
  });
}
const isHandheld = matchMedia("(pointer: coarse)").matches;
$("folder-choice").hidden = isHandheld || !("webkitdirectory" in $("choose-folder"));
$("camera-choice").hidden = !isHandheld;
$("drop-here").hidden = isHandheld;

for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    $("drop").classList.add("imx-drop--over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").classList.remove("imx-drop--over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  $("drop").classList.remove("imx-drop--over");
  const files = [];
  for await (const each of dropped(event.dataTransfer)) files.push(each);
  addAll(files);
});

function addAll(files) {
  for (const each of together(files)) {
    const item = sending.add(each);
    item.case = each.leads ? current : null;
    rowOf.set(item, rowOf.get(item) ?? rows.ofItem(item));
    changed(item);
  }
}

/** Those that belong together are converted together: when all are sent. */
function isReady(item) {
  return item.leads && (!item.batch || [...rowOf.keys()].every((each) => each.batch !== item.batch || each.isDone));
}

function deliver(item) {
  if (!item.url || !item.case || !isReady(item)) return;
  const said = item.case;
  item.case = null;
  if (!rowOf.get(item).upload?.case) give(rowOf.get(item), said);
}

/** The address of an upload of the same file that stopped, here or on another machine. */
function begunBefore(metadata, size) {
  for (const { item, upload } of rows.rows) {
    if (item || upload?.state !== "receiving" || upload.length !== size) continue;
    const said = metadataOf(upload.metadata);
    if (["filename", "modified", "relativePath"].every((key) => (said[key] ?? "") === (metadata[key] ?? ""))) return upload.url;
  }
  return null;
}

function isCompanion({ item, upload }) {
  return item ? !item.leads : "belongs" in metadataOf(upload?.metadata);
}

function metadataOf(text) {
  const said = {};
  for (const pair of text ? text.split(",") : []) {
    const [key, value] = pair.trim().split(" ");
    said[key] = value ? new TextDecoder().decode(Uint8Array.from(atob(value), (each) => each.charCodeAt(0))) : "";
  }
  return said;
}

function changed(item) {
  const row = rowOf.get(item);
  if (!row) return;
  rows.join(row);
  for (const each of item.batch ? rowOf.keys() : [item]) if (each.batch === item.batch) deliver(each);
  rows.show(row);
  tell();
}

function again(row) {
  sending.again(row.item);
}

async function remove(row) {
  if (row.item) await sending.drop(row.item);
  const url = row.upload?.url ?? row.item?.url;
  const answer = url ? await fetch(url, { method: "DELETE", headers: TUS }) : null;
  if (answer && !answer.ok && answer.status !== 404) return form.say([{ path: "", text: await wordsOf(answer) }]);
  const next = row.element.nextElementSibling?.querySelector("button, a") ?? $("choose-files");
  rows.drop(row);
  next.focus();
  tell();
}

addEventListener("beforeunload", (event) => {
  if (sending.isBusy) event.preventDefault();
});

// What becomes of them ----------------------------------------------------------------------------

function watch() {
  const events = new EventSource("/uploads/events");
  events.addEventListener("upload", (event) => {
    const upload = JSON.parse(event.data);
    const row = rows.ofUpload(upload);
    // What is missing stands at its field, where the form still shows the details of that file.
    const shown = textOf(form.read());
    if (upload.state === "asked" && row.item && upload.case && textOf(upload.case) === shown) mend(row);
    tell();
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(watch, 5000);
  });
}

let told = 0;
function tell() {
  clearTimeout(told);
  told = setTimeout(() => {
    const count = (...states) => [...rows.rows].filter((row) => states.includes(stateOf(row))).length;
    const parts = [
      [count("sending"), "being sent"],
      [count("receiving"), "stopped"],
      [count("whole"), "waiting for details"],
      [count("waiting", "converting"), "being made into DICOM"],
      [count("asked", "refused", "failed"), "needing you"],
      [count("kept"), "kept"],
    ].filter(([number]) => number);
    const said = parts.length ? `${rows.rows.size === 1 ? "1 file" : `${rows.rows.size} files`}: ${parts.map((each) => each.join(" ")).join(", ")}.` : "No files yet.";
    if ($("said").textContent !== said) $("said").textContent = said;
  }, 300);
}

function post(url, body) {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

async function wordsOf(answer) {
  if (answer.status === 401) return "You have been signed out. Sign in again in another tab, then try again here";
  try {
    const { title, detail } = await answer.json();
    return [title, detail].filter(Boolean).join(": ");
  } catch {
    return "The service cannot answer just now. Try again in a few seconds";
  }
}

$("add-files").hidden = false;
watch();
