// OHIF's configuration: our own DICOMweb at our own address, and nothing else. The session cookie goes with
// every request, since it all has one origin.
const files = document.documentElement.dataset.files;
const dicomWeb = `${window.location.origin}/dicom-web`;
const PATIENT_ID = "00100020", ISSUER = "00100021", STUDY_UID = "0020000D";

window.PUBLIC_URL = files;
window.browserImportFunction = (path) => import(files + path.replace(/^\//, ""));

// OHIF looks for a patient's other studies by the bare Patient ID, which two trusts may have given to two people.
// So a study is said to have its own UID as the patient's number, and whoever is asked for by that number is
// looked for by the identifier together with its issuer; without an issuer the study stands alone.
async function studiesOfSamePatient(studyUid) {
  const find = async (keys) => {
    const answer = await fetch(`${dicomWeb}/studies?${new URLSearchParams(keys)}`, {
      headers: { Accept: "application/dicom+json" },
    });
    return answer.status === 200 ? answer.json() : [];
  };
  const valueOf = (study, tag) => study?.[tag]?.Value?.[0];
  const [study] = await find({ StudyInstanceUID: studyUid });
  const number = valueOf(study, PATIENT_ID), issuer = valueOf(study, ISSUER);
  if (!number || !issuer) {
    return [studyUid];
  }
  const others = await find({ PatientID: number, IssuerOfPatientID: issuer, limit: 100 });
  return [...new Set([studyUid, ...others.map((each) => valueOf(each, STUDY_UID))])];
}

// OHIF knows no dermoscopic photographs, and no ultrasound that is a video: while it chooses how to show them, they
// pass for what it shows in the same way.
const classes = "1.2.840.10008.5.1.4.1.1.", PHOTOGRAPH = `${classes}77.1.4`, VIDEO = `${classes}77.1.4.1`;
const DERMOSCOPIC = `${classes}77.1.7`, VIDEO_SYNTAX = /^1\.2\.840\.10008\.1\.2\.4\.10\d/;

function shownAs({ SOPClassUID, AvailableTransferSyntaxUID }) {
  if (SOPClassUID === DERMOSCOPIC) {
    return PHOTOGRAPH;
  }
  return VIDEO_SYNTAX.test(AvailableTransferSyntaxUID) ? VIDEO : SOPClassUID;
}

function showAll(displaySets) {
  const make = displaySets.makeDisplaySets;
  displaySets.makeDisplaySets = (instances, ...how) => {
    const truth = [instances].flat().map((each) => [each, each.SOPClassUID]);
    truth.forEach(([each]) => (each.SOPClassUID = shownAs(each)));
    try {
      return make.call(displaySets, instances, ...how);
    } finally {
      truth.forEach(([each, sopClass]) => (each.SOPClassUID = sopClass));
    }
  };
}

const extension = {
  id: "imx",
  preRegistration: ({ servicesManager }) => showAll(servicesManager.services.displaySetService),
  getDataSourcesModule: () => [
    {
      name: "dicomweb",
      type: "webApi",
      createDataSource: (configuration, servicesManager, extensionManager) => {
        const source = extensionManager
          .getModuleEntry("@ohif/extension-default.dataSourcesModule.dicomweb")
          .createDataSource(configuration, servicesManager, extensionManager);
        const search = source.query.studies.search;
        source.query.studies.search = async (asked) => {
          const { patientId, ...keys } = asked ?? {};
          if (patientId) {
            keys.studyInstanceUid = await studiesOfSamePatient(patientId);
          }
          const found = await search(keys);
          return found.map((study) => ({ ...study, mrn: study.studyInstanceUid }));
        };
        return source;
      },
    },
  ],
};

window.config = {
  routerBasename: "/viewer",
  whiteLabeling: {
    createLogoComponentFn: (React) =>
      React.createElement("a", { href: "/studies", className: "text-foreground text-base" }, "‹ Studies"),
  },
  extensions: [extension],
  modes: [],
  customizationService: [{ "ohif.tours": { $set: [] } }],
  showStudyList: false,
  showLoadingIndicator: true,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: false,
  showErrorDetails: "production",
  maxNumberOfWebWorkers: 3,
  strictZSpacingForVolumeViewport: true,
  allowMultiSelectExport: false,
  investigationalUseDialog: { option: "configure", days: 365 },
  maxNumRequests: { interaction: 100, thumbnail: 10, prefetch: 25 },
  defaultDataSourceName: "imx",
  dataSources: [
    {
      namespace: "imx.dataSourcesModule.dicomweb",
      sourceName: "imx",
      configuration: {
        friendlyName: "Imaging Exchange",
        name: "imx",
        qidoRoot: dicomWeb,
        wadoRoot: dicomWeb,
        wadoUriRoot: `${window.location.origin}/wado`,
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: false,
        supportsReject: false,
        supportsInstanceMetadata: false,
        dicomUploadEnabled: false,
        imageRendering: "wadors",
        thumbnailRendering: "thumbnail",
        thumbnailRequestStrategy: "fetch",
        enableStudyLazyLoad: true,
        singlepart: "bulkdata,video,pdf",
        bulkDataURI: { enabled: true },
        omitQuotationForMultipartRequest: false,
      },
    },
  ],
  // Signed out meanwhile: the viewer's page leads to where one signs in again, and back.
  httpErrorHandler: (error) => {
    if (error?.status === 401) {
      window.location.reload();
    }
  },
};
