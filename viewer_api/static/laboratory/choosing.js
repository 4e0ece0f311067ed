// Files as people choose or drop them, folders with all that is in them: each with its path in its folder.

/** Systems' own files, which nobody means to send. */
const IGNORED = new Set(["Thumbs.db", "desktop.ini"]);
const isMeant = (name) => !name.startsWith(".") && !IGNORED.has(name);

export function* chosen(files) {
  for (const file of files) if (isMeant(file.name)) yield [file, file.webkitRelativePath];
}

export async function* dropped(transfer) {
  // Entries are only there until the first await.
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  for (const entry of entries) if (entry) yield* within(entry);
}

async function* within(entry) {
  if (!isMeant(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    const path = entry.fullPath.replace(/^\//, "");
    yield [file, path.includes("/") ? path : ""];
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) yield* within(each);
  }
}
