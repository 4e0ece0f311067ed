// Asks for storage commitment with dcmjs-dimse and prints the report, which comes on an association of the
// archive's: node commit_dcmjs.js '{"port", "listen", "transaction", "instances": [[class, uid]], "tls"}'
'use strict';

const fs = require('fs');
const dcmjs = require('dcmjs');
const { Client, Dataset, Scp, Server, constants, log, requests, responses } = require('dcmjs-dimse');

const COMMITMENT = '1.2.840.10008.1.20.1';
const INSTANCE = '1.2.840.10008.1.20.1.1';
const PATIENCE_MS = 60000;
const { PresentationContextResult, Status, TransferSyntax } = constants;
log.setLevel('silent');
dcmjs.log.setLevel('silent');

const asked = JSON.parse(process.argv[2]);
const heard = { status: null, caller: null, report: null, event: null };

function securityOptions() {
  if (!asked.tls) {
    return undefined;
  }
  const [key, cert, ca] = ['key', 'cert', 'ca'].map((name) => fs.readFileSync(asked.tls[name]));
  return { key, cert, ca, requestCert: true, rejectUnauthorized: true };
}

function end(code) {
  console.log(JSON.stringify(heard));
  process.exit(code);
}

function endWhenAllIsHeard() {
  if (heard.status !== null && heard.report !== null) {
    setTimeout(() => end(0), 500); // our answer is on its way
  }
}

class Listener extends Scp {
  associationRequested(association) {
    heard.caller = association.getCallingAeTitle();
    association.getPresentationContexts().forEach(({ id }) => {
      const context = association.getPresentationContext(id);
      if (context.getAbstractSyntaxUid() === COMMITMENT) {
        context.setResult(PresentationContextResult.Accept, TransferSyntax.ImplicitVRLittleEndian);
      } else {
        context.setResult(PresentationContextResult.RejectAbstractSyntaxNotSupported);
      }
    });
    this.sendAssociationAccept();
  }

  nEventReportRequest(request, callback) {
    heard.event = request.getEventTypeId();
    heard.report = request.getDataset().getElements();
    const response = responses.NEventReportResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
    endWhenAllIsHeard();
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const server = new Server(Listener);
server.on('networkError', (error) => console.error(`listener: ${error.message}`));
server.listen(asked.listen, { securityOptions: securityOptions() });

const request = new requests.NActionRequest(COMMITMENT, INSTANCE, 1);
request.setDataset(
  new Dataset({
    TransactionUID: asked.transaction,
    ReferencedSOPSequence: asked.instances.map(([sopClass, uid]) => ({
      ReferencedSOPClassUID: sopClass,
      ReferencedSOPInstanceUID: uid,
    })),
  })
);
request.on('response', (response) => {
  heard.status = response.getStatus();
  if (heard.status !== Status.Success) {
    end(1);
  }
  endWhenAllIsHeard();
});
const client = new Client();
client.addRequest(request);
client.on('networkError', (error) => {
  console.error(`client: ${error.message}`);
  end(1);
});
setTimeout(() => end(1), PATIENCE_MS);
client.send('127.0.0.1', asked.port, 'DCMJS', 'IMX', {
  associationLingerTimeout: 0,
  securityOptions: securityOptions(),
});
