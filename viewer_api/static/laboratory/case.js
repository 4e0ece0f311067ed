// The details of the form as a case (docs/wrapping.md), and a case in the form again.

const AT = /\./;

/** The same text for the same case, whatever the order of its keys. */
export function textOf(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${textOf(value[key])}`).join()}}`;
}

const dayOf = (date) =>
  new Date(`${date}T12:00`).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });

/** Who it is about, for a person who reads it. */
export function whose(of) {
  const { name, nhs_number: nhs, identifier, birth_date: born } = of?.person ?? {};
  const called = name ? [name.given, name.family].filter(Boolean).join(" ") : "";
  const number = identifier ? `number ${identifier}` : nhs ? `NHS number ${nhs}` : "";
  return [called, born && `born ${dayOf(born)}`, number]
    .filter(Boolean)
    .join(", ");
}

export class CaseForm {
  constructor(form, problems) {
    this.fields = [...form.querySelectorAll("[data-path]")];
    this.problems = problems;
    this.rest = {};
  }

  /** What is filled in. A number's issuer counts only with the number. */
  read() {
    const said = structuredClone(this.rest);
    for (const field of this.fields) {
      const value = valueOf(field);
      if (value !== undefined && !this.isIdle(field)) put(said, field.dataset.path.split(AT), value);
    }
    return said;
  }

  /** Fill it in. What the case does not say is empty; what it says and no field shows goes along. */
  write(of) {
    this.rest = structuredClone(of);
    for (const field of this.fields) {
      const value = take(this.rest, field.dataset.path.split(AT));
      offer(field, value);
      field.value = value === undefined || value === null ? field.dataset.usual ?? "" : shown(field, value);
      if (field.value && field.value !== field.dataset.usual) this.open(field);
    }
    this.say([]);
  }

  /** Show what is wrong, each at its field, and lead the reader there. */
  say(problems) {
    for (const field of this.fields) mark(field, "");
    const list = this.problems.querySelector("ul");
    list.replaceChildren();
    for (const { path, text } of problems) {
      const field = this.field(path);
      const item = document.createElement("li");
      if (field) {
        mark(field, text);
        this.open(field);
        const link = document.createElement("a");
        link.href = `#${field.id}`;
        link.textContent = text;
        link.addEventListener("click", (event) => {
          event.preventDefault();
          field.focus();
        });
        item.append(link);
      } else {
        item.textContent = text;
      }
      list.append(item);
    }
    this.problems.hidden = !problems.length;
    if (problems.length) this.problems.focus();
  }

  /** The field of a path, or of the first field that a text names. */
  field(path) {
    const named = (each) => path === each.dataset.path || each.dataset.path.startsWith(`${path}.`);
    const at = (each) => path.indexOf(each.dataset.path);
    return (
      this.fields.find(named) ??
      this.fields.filter((each) => at(each) >= 0).sort((a, b) => at(a) - at(b) || b.dataset.path.length - a.dataset.path.length)[0]
    );
  }

  isIdle(field) {
    const filled = (path) => this.field(path)?.value.trim();
    if (field.dataset.needs) return !filled(field.dataset.needs);
    return field.dataset.path === "encounter.issuer" && !filled("encounter.accession") && !filled("encounter.number");
  }

  open(field) {
    field.closest("details")?.setAttribute("open", "");
  }
}

function valueOf(field) {
  const text = field.value.trim();
  if (!text) return undefined;
  switch (field.dataset.kind) {
    case "number":
      return Number.isNaN(Number(text)) ? text : Number(text);
    case "answer":
      return text === "true";
    case "moment":
      return withZone(text);
    case "site":
      return { value: text, scheme: "SCT", meaning: field.selectedOptions[0].dataset.meaning };
    default:
      return field.dataset.path === "person.nhs_number" ? text.replaceAll(/[\s-]/g, "") : text;
  }
}

function shown(field, value) {
  switch (field.dataset.kind) {
    case "moment": {
      const at = new Date(value);
      return Number.isNaN(at.getTime()) ? "" : new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    }
    case "site":
      return value.value ?? "";
    default:
      return String(value);
  }
}

/** The clock on the wall, with the zone of this browser on that day. */
function withZone(text) {
  const minutes = -new Date(text).getTimezoneOffset();
  const two = (number) => String(Math.trunc(Math.abs(number))).padStart(2, "0");
  return `${text.length === 16 ? `${text}:00` : text}${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** What stands there, which stands there no more; nor what is empty without it. */
function take(from, [key, ...rest]) {
  if (from?.[key] === undefined) return undefined;
  if (rest.length) {
    const found = take(from[key], rest);
    if (!Object.keys(from[key]).length) delete from[key];
    return found;
  }
  const found = from[key];
  delete from[key];
  return found;
}

/** A part of the body that the list does not have. */
function offer(field, value) {
  if (field.dataset.kind !== "site" || !value || [...field.options].some((each) => each.value === value.value)) return;
  const option = new Option(value.meaning, value.value);
  option.dataset.meaning = value.meaning;
  field.append(option);
}

function put(into, [key, ...rest], value) {
  if (rest.length) put((into[key] ??= {}), rest, value);
  else into[key] = value;
}

function mark(field, text) {
  const group = field.closest(".nhsuk-form-group");
  const id = `${field.id}-error`;
  document.getElementById(id)?.remove();
  group.classList.toggle("nhsuk-form-group--error", Boolean(text));
  field.classList.toggle(`${field.localName === "select" ? "nhsuk-select" : "nhsuk-input"}--error`, Boolean(text));
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((each) => each && each !== id);
  if (text) {
    const said = document.createElement("span");
    said.className = "nhsuk-error-message";
    said.id = id;
    said.innerHTML = '<span class="nhsuk-u-visually-hidden">Error:</span> ';
    said.append(text);
    field.before(said);
    described.push(id);
  }
  if (described.length) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
}
