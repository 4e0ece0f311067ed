// Files that are one thing only together, by what they are called: a hint, which what they hold makes good.
//
// A MIRAX slide is its .mrxs and the folder of its name, a WFDB record its .hea and the .dat beside it, a model its
// .obj and .mtl; Hamamatsu's annotations need their slide. Those that lead are given the details, once all are sent.

const folderOf = (path) => path.slice(0, path.lastIndexOf("/") + 1);
const stemOf = (path) => path.replace(/\.[^./]*$/, "");
const isIn = (folder) => (path) => folderOf(path) === folder;

/** Of each kind: what leads, and whether another file belongs to it. */
const KINDS = [
  [/\.mrxs$/i, (lead, path) => path.startsWith(`${stemOf(lead)}/`)],
  [/\.hea$/i, (lead, path) => isIn(folderOf(lead))(path) && /\.(dat|hea)$/i.test(path) && /^[._]/.test(path.slice(stemOf(lead).length)) && path.startsWith(stemOf(lead))],
  [/\.obj$/i, (lead, path) => isIn(folderOf(lead))(path) && /\.mtl$/i.test(path)],
  [/\.ndpi$/i, (lead, path) => path.startsWith(`${lead}.`)],
];
/** Needs the other, and is a file of its own. */
const LEADS_TOO = /\.ndpa$/i;

/** Each file with its path, the batch that it belongs to (null: none), and whether it leads. */
export function together(files) {
  const all = files.map(([file, path]) => ({ file, path, at: path || file.name, batch: null, leads: true }));
  for (const [leads, belongs] of KINDS) {
    for (const lead of all.filter(({ at }) => leads.test(at)).sort((a, b) => a.at.length - b.at.length)) {
      if (lead.batch) continue;
      const others = all.filter((each) => each !== lead && !each.batch && belongs(lead.at, each.at));
      if (!others.length) continue;
      const batch = { id: idOf(lead.file), folder: folderOf(lead.at) };
      for (const each of [lead, ...others]) Object.assign(each, { batch, leads: each === lead || LEADS_TOO.test(each.at) });
    }
  }
  return all.map(({ file, path, at, batch, leads }) => ({ file, path: batch ? at.slice(batch.folder.length) : path, batch: batch?.id ?? null, leads }));
}

/** The same for the same file, wherever it is chosen: so an upload goes on in its batch. */
function idOf({ name, size, lastModified }) {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (const letter of `${name}/${size}/${lastModified}`) {
    const code = letter.codePointAt(0);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  return [high, low].map((each) => (each >>> 0).toString(16).padStart(8, "0")).join("");
}
