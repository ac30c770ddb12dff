"""What strings and quantities of a manifest may be, and what not, each by name."""

GOOD_SOURCES = {
    "a Hub name": "hf://gpt2",
    "a Hub name of an organisation": "hf://BAAI/bge-small_en.v1.5",
    "a prefix in S3": "s3://models/a/b/",
    "a prefix in Google Cloud": "gs://models/a",
    "a prefix in Azure": "az://models/a",
    "a claim": "pvc://models",
    "a path in a claim": "pvc://models-1/a/b",
    "a folder": "file:///srv/models",
    "a no-break space": "s3://models/a\u00a0b",
    "letters beyond ASCII": "s3://models/modèle/模型",
    "dots within a name": "file:///srv/a..b/.../...c",
    "512 characters": "file:///" + "a" * 504,
}
BAD_SOURCES = {
    "nothing": "",
    "a bare Hub name": "sentence-transformers/all-MiniLM-L6-v2",
    "a web address": "https://huggingface.co/gpt2",
    "three steps on the Hub": "hf://a/b/c",
    "a Hub name that starts with a dot": "hf://.a/b",
    "a bucket without a prefix": "s3://models",
    "a prefix with an empty step": "s3://models//a",
    "white space": "s3://models/a b",
    "a tab": "s3://models/a\tb",
    "a vertical tab": "file:///srv/a\vb",
    "a line break at the end": "hf://gpt2\n",
    "a query": "s3://models/a?version=1",
    "a fragment in a folder": "file:///srv/a#b",
    "a claim in capitals": "pvc://Models/a",
    "a folder of another host": "file://host/srv",
    "the root": "file:///",
    "a step up": "s3://models/../other",
    "a step up at the end": "file:///srv/..",
    "a number": 7,
    "a list": ["hf://gpt2"],
    "513 characters": "file:///" + "a" * 505,
}
GOOD_URLS = {
    "a bucket": "s3://models",
    "a bucket with a slash": "gs://models/",
    "a container": "az://models/traced",
    "a folder": "file:///var/lib/traced",
}
BAD_URLS = {
    "a Hub name": "hf://a/b",
    "a claim": "pvc://models/traced",
    "a relative folder": "file://traced",
    "capitals in the scheme": "S3://models",
    "a step up": "s3://models/a/../../b",
    "a query": "file:///srv?x",
    "513 characters": "file:///" + "a" * 505,
}
GOOD_DECIMALS = {"zero": "0", "a fraction": "0.0001", "an exponent": "1e-4", "both": "9999.5e-99"}
BAD_DECIMALS = {
    "no quotes": 0.02,
    "a whole number without quotes": 1,
    "a sign": "-0.1",
    "a plus in the exponent": "1e+2",
    "no digit before the point": ".5",
    "no digit after the point": "1.",
    "not a number": "NaN",
    "17 characters": "1234.12345678e-10",
    "nothing": "",
    "white space": " 1",
}
GOOD_CPUS = {
    "a whole number": 4,
    "9999": 9999,
    "in quotes": "4",
    "millis": "500m",
    "a fraction": "0.25",
    "1.5": "1.5",
}
BAD_CPUS = {
    "none": 0,
    "fewer than none": -1,
    "none in quotes": "0",
    "no millis": "0m",
    "a fraction of none": "0.000",
    "a fraction without quotes": 1.5,
    "more than 9999": 10000,
    "more than 64 bits": 10**30,
    "a unit of memory": "4Gi",
    "a flag": True,
    "a mapping": {},
    "nothing": "",
    "21 characters": "0" * 20 + "4",
}
GOOD_MEMORIES = {
    "bytes": 2**30,
    "bytes in quotes": "1073741824",
    "Gi": "4Gi",
    "a fraction": "1.5Gi",
    "M": "500M",
    "Ti": "1Ti",
}
BAD_MEMORIES = {
    "none": 0,
    "none in quotes": "0Gi",
    "a fraction without quotes": 0.5,
    "a small unit": "100m",
    "an unknown unit": "4GB",
    "white space": "4 Gi",
    "more than 64 bits": 10**30,
    "more than 16 digits": 10**16,
    "a flag": False,
    "a list": [4],
    "21 characters": "1" * 16 + ".123" + "Gi",
}
GOOD_OBJECTS = {"one letter": "a", "digits and dots": "9.a-b.c0", "253 characters": "a" * 253}
BAD_OBJECTS = {
    "nothing": "",
    "a capital": "Hub",
    "an underscore": "a_b",
    "a leading '-'": "-a",
    "a trailing '-'": "a-",
    "two dots": "a..b",
    "a trailing dot": "a.",
    "a line break at the end": "a\n",
    "a number": 5,
    "254 characters": "a" * 254,
}
