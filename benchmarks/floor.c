/* The floor: what one SAML response costs in C, with nothing but the work itself.
 *
 * base64 -> libxml2 parse -> for each signature: exclusive C14N of SignedInfo, RSA verify with a key
 * that is already loaded, exclusive C14N of the signed element less its Signature, SHA-256, compare.
 * No rule of any profile, no hardening, one algorithm: a number to measure against, not a verifier.
 *
 *   cc -O2 floor.c -o floor $(pkg-config --cflags --libs libxml-2.0 libcrypto)
 *   floor parse|assertion|response|both RESPONSES IDP.crt ROUNDS      RESPONSES: one base64 response a line
 *
 * Prints CPU microseconds (user + system) per response; fails unless every signature holds.
 */
#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { LINES = 4096, LINE = 1 << 20 };

static EVP_PKEY *idp_key;

static int decode(const char *text, unsigned char *out) {
    int length = strlen(text);
    int octets = EVP_DecodeBlock(out, (const unsigned char *)text, length);
    for (; length && text[length - 1] == '='; length--) octets--;
    return octets;
}

static int decode_text(xmlNodePtr node, unsigned char *out) {
    xmlChar *text = xmlNodeGetContent(node);
    char packed[4096];
    int n = 0;
    for (xmlChar *c = text; *c && n < (int)sizeof packed - 1; c++)
        if (*c > ' ') packed[n++] = *c;
    packed[n] = 0;
    xmlFree(text);
    return decode(packed, out);
}

static xmlNodePtr child(xmlNodePtr parent, const char *name) {
    for (xmlNodePtr node = parent ? parent->children : NULL; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name)) return node;
    return NULL;
}

/* Canonicalize one element as a document of its own: no node set, so no visibility test for each node.
 * The namespace declarations in scope are put on the copy, as lxml does. */
static int canonicalize(xmlDocPtr doc, xmlNodePtr element, xmlChar **prefixes, xmlChar **out) {
    if (element == xmlDocGetRootElement(doc)) return xmlC14NDocDumpMemory(doc, NULL, XML_C14N_EXCLUSIVE_1_0, prefixes, 0, out);
    xmlDoc alone = *doc;
    xmlNode root = *element;
    xmlNsPtr inherited = NULL, last = NULL, *in_scope = xmlGetNsList(doc, element);
    for (int i = 0; in_scope && in_scope[i]; i++) {
        xmlNsPtr own = element->nsDef;
        while (own && own != in_scope[i]) own = own->next;
        if (own) continue;
        xmlNsPtr copy = malloc(sizeof *copy);
        *copy = *in_scope[i];
        copy->next = inherited;
        if (!inherited) last = copy;
        inherited = copy;
    }
    if (in_scope) xmlFree(in_scope);
    if (inherited) {
        last->next = element->nsDef;
        root.nsDef = inherited;
    }
    alone.children = alone.last = &root;
    root.parent = (xmlNodePtr)&alone;
    root.next = root.prev = NULL;
    root.doc = &alone;
    for (xmlNodePtr node = root.children; node; node = node->next) node->parent = &root;
    int octets = xmlC14NDocDumpMemory(&alone, NULL, XML_C14N_EXCLUSIVE_1_0, prefixes, 0, out);
    for (xmlNodePtr node = element->children; node; node = node->next) node->parent = element;
    while (inherited && inherited != element->nsDef) {
        xmlNsPtr next = inherited->next;
        free(inherited);
        inherited = next;
    }
    return octets;
}

static int verify(xmlDocPtr doc, xmlNodePtr element) {
    xmlNodePtr signature = child(element, "Signature"), info = child(signature, "SignedInfo"), reference = child(info, "Reference");
    unsigned char wanted[64], digest[32], value[512];
    xmlChar *octets, *prefixes[2] = {NULL, NULL};
    for (xmlNodePtr transform = child(reference, "Transforms")->children; transform; transform = transform->next)
        if (transform->type == XML_ELEMENT_NODE && child(transform, "InclusiveNamespaces"))
            prefixes[0] = xmlGetProp(child(transform, "InclusiveNamespaces"), BAD_CAST "PrefixList");
    decode_text(child(reference, "DigestValue"), wanted);
    int value_length = decode_text(child(signature, "SignatureValue"), value);

    int length = canonicalize(doc, info, NULL, &octets);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, idp_key);
    int held = EVP_DigestVerify(context, value, value_length, octets, length) == 1;
    EVP_MD_CTX_free(context);
    xmlFree(octets);

    xmlNodePtr after = signature->next, parent = signature->parent;
    xmlUnlinkNode(signature);
    length = canonicalize(doc, element, prefixes[0] ? prefixes : NULL, &octets);
    EVP_Digest(octets, length, digest, NULL, EVP_sha256(), NULL);
    xmlFree(octets);
    if (prefixes[0]) xmlFree(prefixes[0]);
    if (after) xmlAddPrevSibling(after, signature);
    else xmlAddChild(parent, signature);
    return held && !memcmp(digest, wanted, sizeof digest);
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

int main(int count, char **arguments) {
    if (count != 5) return fprintf(stderr, "floor parse|assertion|response|both RESPONSES IDP.crt ROUNDS\n"), 2;
    const char *mode = arguments[1];
    int response_signed = !strcmp(mode, "response") || !strcmp(mode, "both");
    int assertion_signed = !strcmp(mode, "assertion") || !strcmp(mode, "both");
    static char *lines[LINES];
    int known = 0;
    char *line = malloc(LINE);
    FILE *file = fopen(arguments[2], "r");
    while (known < LINES && fgets(line, LINE, file)) {
        line[strcspn(line, "\n")] = 0;
        lines[known++] = strdup(line);
    }
    fclose(file);
    file = fopen(arguments[3], "r");
    idp_key = X509_get_pubkey(PEM_read_X509(file, NULL, NULL, NULL));
    fclose(file);
    xmlInitParser();
    unsigned char *xml = malloc(LINE);
    long done = 0, held = 0;
    double before = cpu();
    for (int round = atoi(arguments[4]); round > 0; round--)
        for (int i = 0; i < known; i++) {
            xmlDocPtr doc = xmlReadMemory((char *)xml, decode(lines[i], xml), NULL, NULL, XML_PARSE_NONET);
            xmlNodePtr response = xmlDocGetRootElement(doc);
            int ok = response != NULL;
            if (ok && response_signed) ok = verify(doc, response);
            if (ok && assertion_signed) ok = verify(doc, child(response, "Assertion"));
            xmlFreeDoc(doc);
            done++;
            held += ok;
        }
    printf("%.2f\n", (cpu() - before) / done);
    return held == done ? 0 : 1;
}
